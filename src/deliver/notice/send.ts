import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { reasonOf } from '../../errors.ts'
import { openLine, type Ready } from '../../mail/relay/dial.ts'
import { relayName } from '../../mail/relay/relay.ts'
import type { SmtpConnection } from '../../mail/smtp.ts'
import { type Outcome, putBack, readReply, refuse, retryLater } from '../outcome.ts'
import { HEARTBEAT_MS, LEASE_SECONDS, MARGIN_MS } from '../send/lease.ts'
import { openThrottle, type Throttle } from '../send/line/throttle.ts'
import { FRESH_MS } from '../send/reader-check.ts'
import { NEVER, unlessStopped } from '../send/rest.ts'
import type { Attempt } from '../send/retry.ts'
import type { Sender } from '../send.ts'
import { accountNotices, type NoticeResult } from './account.ts'
import { type ClaimedNotice, claimNotices, countDue, extendNotices, mayGoStill } from './claim.ts'
import { writeNotice } from './write.ts'

/** Notices on the wire at once, each on a connection of its own. */
const ROUND = 10

/** What one round works with. */
type Round = {
  readonly db: Database
  readonly sender: Sender
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly throttle: Throttle
}

/**
 * Sends all due notices and accounts for them; returns how many the relay accepted. In rounds of ten: one statement claims
 * them, one accounts for them, and no connection takes the next before its last is committed. Where no relay answers
 * they stay due. Once the signal is aborted no message is begun; those on the wire are finished.
 */
export async function sendNotices(
  db: Database,
  sender: Sender,
  clock: Clock,
  signal: AbortSignal = NEVER,
): Promise<number> {
  const line = openLine(sender.relays)
  const throttles = new Map(
    sender.relays.map((relay) => [relay, openThrottle(relay.ratePerSecond, clock, signal)] as const),
  )
  let accepted = 0
  try {
    while (!signal.aborted) {
      const due = await countDue(db, ROUND, clock.now())
      const ready = due === 0 ? null : await unlessStopped(line.ready(due), signal)
      if (ready === null) break
      if (ready.kind === 'unreachable') {
        sender.log.warn({ relays: sender.relays.map(relayName), trouble: ready.trouble }, 'relay.unreachable')
        break
      }
      const throttle = throttles.get(ready.relay) ?? (async () => {})
      const results = await sendRound({ db, sender, clock, signal, throttle }, ready)
      if (results.length === 0) break
      accepted += results.filter(({ outcome }) => outcome.state === 'sent').length
      // A relay with trouble of its own is not asked with all that wait.
      if (results.every(({ outcome }) => outcome.pausesRelay)) break
    }
  } finally {
    await line.close()
  }
  return accepted
}

/** Claims a notice for each connection, sends them side by side, and returns those it could account for. */
async function sendRound(round: Round, ready: Extract<Ready, { kind: 'ready' }>): Promise<readonly NoticeResult[]> {
  const { db, sender, clock } = round
  // A notice waits for its turn a second at most, as its reader's consent was looked at when it was claimed.
  const most = Math.min(ready.connections.length, Math.max(1, Math.floor(ready.relay.ratePerSecond ?? ROUND)))
  const askedMs = clock.monotonicMs()
  const claimed = await claimNotices(db, most, clock.now())
  const lease = keepLeases(db, claimed, clock, askedMs)
  try {
    const outcomes = await Promise.all(
      ready.connections.slice(0, claimed.length).map(async (connection, index) => {
        const notice = claimed[index]
        if (notice === undefined) return []
        const outcome = await settle(round, connection, notice, lease)
        return outcome === null ? [] : [{ notice, outcome }]
      }),
    )
    const results = outcomes.flat()
    const written = await accountNotices(db, results, clock.now())
    const mine = results.filter(({ notice }) => written.has(notice.id))
    for (const { notice, outcome } of mine)
      sender.log.info({ noticeId: notice.id, kind: notice.kind, outcome: outcome.state }, 'notice.accounted')
    return mine
  } finally {
    lease.drop()
  }
}

/** Sends the notice and says what becomes of it; null when it is no longer this worker's. */
async function settle(
  { db, sender, clock, signal, throttle }: Round,
  connection: SmtpConnection,
  notice: ClaimedNotice,
  lease: ReturnType<typeof keepLeases>,
): Promise<Outcome | null> {
  const [first] = notice.asked
  if (first === undefined) return refuse({ may: false, state: 'skipped', reason: notice.refusal ?? 'erased' })
  const attempt = (): Attempt => ({
    attempts: notice.attempts,
    giveUpFrom: notice.createdAt,
    jitter: Math.random(),
  })
  try {
    const { envelope, octets } = await writeNotice(sender.stationery, notice, first, clock.now())
    await throttle()
    if (signal.aborted) return putBack('stopped', null)
    if (lease.isOld() && !(await mayGoStill(db, notice))) return putBack('looked at again', null)
    if (!lease.holds(notice)) return null
    return readReply(await connection.send(envelope, octets), attempt(), clock.now())
  } catch (error) {
    const reason = reasonOf(error)
    sender.log.error({ noticeId: notice.id, reason }, 'notice.unwritten')
    return retryLater(attempt(), clock.now(), `the message cannot be written: ${reason}`, null)
  }
}

/**
 * Keeps the leases of a round, asked for at `claimedMs`, alive while a relay takes its time; `holds` goes by the monotonic
 * clock. `isOld`: its readers' consent was looked at too long ago.
 */
function keepLeases(db: Database, claimed: readonly ClaimedNotice[], clock: Clock, claimedMs: number) {
  const validUntilMs = new Map(claimed.map(({ id }) => [id, claimedMs + LEASE_SECONDS * 1000]))
  const heartbeat = setInterval(async () => {
    const askedMs = clock.monotonicMs()
    const still = await extendNotices(db, claimed, clock.now()).catch(() => new Set<number>())
    for (const id of still) validUntilMs.set(id, askedMs + LEASE_SECONDS * 1000)
  }, HEARTBEAT_MS)
  heartbeat.unref()
  return {
    holds: ({ id }: ClaimedNotice) => clock.monotonicMs() < (validUntilMs.get(id) ?? 0) - MARGIN_MS,
    isOld: () => clock.monotonicMs() - claimedMs > FRESH_MS,
    drop: () => clearInterval(heartbeat),
  }
}
