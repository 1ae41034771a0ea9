import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { sql } from 'drizzle-orm'
import { neverAborted } from '../abortable.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { anyOf } from '../db/sql.ts'
import { isTransient, retryTransient } from '../db/transient.ts'
import { memoizeReaderFields } from '../digest/compose/reader-fields.ts'
import { finishEditions } from '../editions/editions.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type Relay, relayName } from '../mail/relays/relay.ts'
import { checkVariant } from './check-messages.ts'
import { openCircuitBreaker, type RelayTrouble } from './circuit-breaker.ts'
import type { Claimed } from './claim.ts'
import { type ConnectionEnd, runConnection } from './connection-loop.ts'
import { deferAllDue } from './defer-all.ts'
import { DATABASE_AWAY_MS } from './held-batches.ts'
import { IdleTracker } from './idle.ts'
import { heldUntil } from './lease.ts'
import { type CompiledVariant, compileVariant, type Message, type MessageContext, writeMessage } from './message.ts'
import { failUnrenderable, type Outcome, requeue } from './outcome/outcome.ts'
import { openOutcomeBatcher } from './outcome-batcher.ts'
import { openDeliveryQueue } from './queue.ts'
import { TOO_MANY_REJECTIONS } from './results/rejection-limit.ts'
import { openThrottle } from './throttle.ts'

/** What a worker sends with. */
export type Sender = {
  readonly relays: readonly Relay[]
  readonly context: MessageContext
  readonly log: Logger
}

/** How a sending is observed and stopped. */
type Sending = {
  /** Called after each delivery whose outcome is recorded. */
  readonly onRecorded?: () => void
  /** Once aborted, no message is begun; those in transit are finished and committed, and the leases are given back. */
  readonly signal?: AbortSignal
}

/** Compiled variants a worker keeps, at about 100 KB each; batches are ordered by variant, so a few are enough. */
const VARIANTS_KEPT = 8
const POLL_MS = 500

/**
 * Sends what is due of one edition (or of all, with null), over as many connections as the relays allow, until nothing
 * more is due or it is stopped. Where no relay can be reached, or none accepts anything, the rest is deferred and the relay's
 * reply is returned; otherwise null.
 */
export async function sendDue(
  db: Database,
  sender: Sender,
  editionId: number | null,
  clock: Clock,
  { onRecorded = () => {}, signal = neverAborted }: Sending = {},
): Promise<string | null> {
  const owner = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
  const queue = openDeliveryQueue(db, owner, editionId, clock, signal, sender.log)
  const idle = new IdleTracker(clock, signal)
  const outcomes = openOutcomeBatcher(db, clock, () => idle.working, signal, sender.log)
  const written = new Set<number>()
  const write = noteEditions(written, openWriter(db, sender, clock, signal))
  const connections = sender.relays.flatMap((relay) => {
    const throttle = openThrottle(relay.ratePerSecond, clock, signal)
    const breaker = openCircuitBreaker(clock, signal)
    const work = { relay, throttle, breaker, queue, outcomes, write, clock, idle, onRecorded, signal }
    return Array.from({ length: relay.connections }, () => work)
  })
  const settled = await Promise.allSettled(connections.map(runConnection))
  await queue.close()
  // If this fails, only a log line is lost: /readyz reports the pause as well.
  await retryTransient(clock, () => logPauses(db, sender.log, [...written]), { signal }).catch(() => {})
  const ends = settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
  const trouble = troubleOf(ends)
  if (trouble === null) return null
  sender.log.warn({ editionId, relays: sender.relays.map(relayName), trouble: trouble.reply }, 'relay.unreachable')
  await deferAllDue(db, owner, editionId, trouble, clock)
  return trouble.reply
}

/** Notes the editions that messages are rendered for: no more are rendered once an edition is paused, so each pause is logged once. */
function noteEditions(editionIds: Set<number>, write: ReturnType<typeof openWriter>): typeof write {
  return (claimed) => {
    editionIds.add(claimed.lease.editionId)
    return write(claimed)
  }
}

/** Why no connection that had something to send could reach its relay; null if one of them could. */
function troubleOf(ends: readonly ConnectionEnd[]): RelayTrouble | null {
  if (ends.some(({ kind }) => kind === 'connected')) return null
  return ends.find((end) => end.kind === 'unreachable')?.trouble ?? null
}

/**
 * Sends an edition until each of its deliveries is final or deferred, taking over the batches of dead workers.
 * `onProgress` is called with the number of final deliveries.
 */
export async function sendEdition(
  db: Database,
  sender: Sender,
  editionId: number,
  clock: Clock,
  onProgress: (final: number) => void = () => {},
  signal: AbortSignal = neverAborted,
): Promise<void> {
  let final = 0
  const onRecorded = () => onProgress(++final)
  for (;;) {
    const trouble = await sendDue(db, sender, editionId, clock, { onRecorded, signal })
    await retryTransient(clock, () => finishEditions(db, { editionId }, clock.now()))
    if (trouble !== null || signal.aborted) return
    const until = await retryTransient(clock, () => heldUntil(db, editionId, clock.now()))
    if (until === null) return
    await clock.sleep(POLL_MS, signal)
  }
}

/**
 * Writes messages from a small cache of compiled variants. A variant that cannot be rendered, or that no relay would accept,
 * holds its edition until it is fixed; a message that cannot be written for one reader fails for that reader alone. Rejects when
 * the database cannot be read.
 */
function openWriter(
  db: Database,
  { context, log }: Sender,
  clock: Clock,
  signal: AbortSignal,
): (claimed: Claimed) => Promise<Message | Outcome> {
  const compiled = new Map<number, Promise<CompiledVariant>>()
  const timingFields = memoizeReaderFields()
  const limited = limitConcurrency()
  const compileOnce = (variantId: number): Promise<CompiledVariant> => {
    const known = compiled.get(variantId)
    if (known !== undefined) return known
    const oldest = compiled.keys().next().value
    if (compiled.size >= VARIANTS_KEPT && oldest !== undefined) compiled.delete(oldest)
    const compile = () => compileVariant(db, context, variantId)
    const made = limited(async () => {
      const variant = await retryTransient(clock, compile, { signal, forMs: DATABASE_AWAY_MS })
      checkVariant(context, variant)
      return variant
    })
    compiled.set(variantId, made)
    // A failure is not cached: the next message that needs the variant compiles it again.
    made.catch(() => compiled.delete(variantId))
    return made
  }
  return async (claimed) => {
    const { editionId } = claimed.lease
    try {
      const variant = await compileOnce(claimed.variantId)
      try {
        return writeMessage(context, variant, claimed, timingFields)
      } catch (error) {
        log.error({ editionId, seq: claimed.seq, reason: reasonOf(error) }, 'delivery.render_failed')
        return failUnrenderable(reasonOf(error))
      }
    } catch (error) {
      if (isTransient(error)) throw error
      await retryTransient(clock, () => holdEdition(db, editionId, reasonOf(error)), { signal })
      log.error({ editionId, variantId: claimed.variantId, reason: reasonOf(error) }, 'edition.held')
      return requeue('the edition is held', null)
    }
  }
}

/** Variants that are read, rendered and compiled at the same time: two, so that one is rendered while the next is read. */
const CONCURRENT_COMPILES = 2

/**
 * Limits how many run at the same time: a variant needs a megabyte until it is compiled, and forty of them, one for each
 * connection, would keep 30 MB that are never freed (`npm run bench -- soak`).
 */
function limitConcurrency(): <T>(work: () => Promise<T>) => Promise<T> {
  const queues: Promise<unknown>[] = Array.from({ length: CONCURRENT_COMPILES }, () => Promise.resolve())
  let next = 0
  return (work) => {
    next = (next + 1) % CONCURRENT_COMPILES
    const result = (queues[next] ?? Promise.resolve()).then(work)
    queues[next] = result.catch(() => {})
    return result
  }
}

async function holdEdition(db: Database, editionId: number, reason: string): Promise<void> {
  await db.execute(
    sql`update edition set state = 'held', reason = ${reason} where id = ${editionId} and state = 'sending'`,
  )
}

type Paused = { editionId: number; newsletter: string; sent: number; failed: number; unsent: number }

/**
 * Logs which of these editions are paused because of rejections, and how many readers have received them. The relay's reply is
 * left out because it may name a reader: `edition show` displays it.
 */
async function logPauses(db: Database, log: Logger, editionIds: readonly number[]): Promise<void> {
  if (editionIds.length === 0) return
  const paused = await db.execute<Paused>(sql`
    select e.id as "editionId", n.slug as newsletter, sum(s.sent)::integer as sent, sum(s.failed)::integer as failed,
      sum(s.to_seq - s.from_seq + 1 - s.sent - s.failed - s.suppressed - s.skipped - s.superseded - s.cancelled)::integer as unsent
    from edition e join newsletter n on n.id = e.newsletter_id join batch s on s.edition_id = e.id
    where e.id = ${anyOf(editionIds)} and e.state = 'paused' and starts_with(e.reason, ${TOO_MANY_REJECTIONS})
    group by e.id, n.slug order by e.id`)
  for (const one of paused.rows) log.warn({ ...one, why: 'too many permanent rejections' }, 'edition.paused')
}
