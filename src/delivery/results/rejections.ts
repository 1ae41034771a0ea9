import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf } from '../../db/sql.ts'
import {
  type ExceededLimit,
  findExceededLimit,
  type RejectionCounts,
  readRejectionCounts,
  type SuppressedDelivery,
  TOO_MANY_REJECTIONS,
} from './rejection-limit.ts'
import { pauseForRejections, postponeRejection, revertSuppressions } from './revert-suppressions.ts'
import {
  type DeliveryResult,
  isUnsent,
  lockCohortsOfSubscriptions,
  notHeld,
  subscriptionsOf,
  writeEnded,
} from './write-results.ts'

/** Another worker recorded rejections between reading and locking: read again. */
class ChangedMeanwhile extends Error {}

/**
 * Writes outcomes of one edition that include permanent rejections. Within the limits their addresses are suppressed; the one
 * that exceeds a limit reverts the earlier ones and pauses the edition, and later ones are postponed with it. Counted in the database while edition and batches are locked, so that it holds across workers and crashes.
 */
export async function writeRejections(
  db: Database,
  results: readonly DeliveryResult[],
  now: Temporal.Instant,
): Promise<readonly DeliveryResult[]> {
  for (;;) {
    try {
      return await db.transaction((tx) => writeInTurn(tx, results, now))
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile)) throw error
    }
  }
}

async function writeInTurn(
  tx: Database,
  results: readonly DeliveryResult[],
  now: Temporal.Instant,
): Promise<readonly DeliveryResult[]> {
  const editionId = results[0]?.claimed.lease.editionId ?? 0
  const expected = await readRejectionCounts(tx, editionId)
  const foreseen = await findExceededLimit(tx, editionId, expected, results, results.filter(isPermanentRejection))
  const earlier = foreseen?.earlier ?? []
  await lockSuppressions(
    tx,
    earlier.map(({ id }) => id),
  )
  const readers = subscriptionsOf(results.filter(({ outcome }) => isUnsent(outcome)))
  await lockCohortsOfSubscriptions(tx, [...readers, ...(await readSubscriptions(tx, editionId, earlier))])
  const open = await lockBatches(
    tx,
    results,
    earlier.map(({ batchId }) => batchId),
  )
  const isPaused = await lockEdition(tx, editionId)
  const mine = results.filter((result) => open.has(result.claimed.seq))
  const hard = mine.filter(isPermanentRejection)
  // A delivery that is not `sending` any more was written before, by a commit whose answer was lost.
  const found = isPaused
    ? null
    : await findExceededLimit(tx, editionId, await readRejectionCounts(tx, editionId), mine, hard)
  if (!coversAll(foreseen, found)) throw new ChangedMeanwhile()
  if (found === null && !isPaused) {
    await writeEnded(
      tx,
      mine,
      mine.filter(({ outcome }) => isUnsent(outcome)),
      now,
    )
    await suppressRejected(tx, hard, expected, now)
  } else {
    const postponed = mine.map((one) =>
      isPermanentRejection(one) ? { ...one, outcome: postponeRejection(one.outcome) } : one,
    )
    await writeEnded(
      tx,
      postponed,
      postponed.filter(({ outcome }) => isUnsent(outcome)),
      now,
    )
    if (found !== null) {
      await revertSuppressions(tx, editionId, found.earlier, now)
      await pauseForRejections(tx, editionId, found)
    }
  }
  return notHeld(results, open.held)
}

const isPermanentRejection = ({ outcome }: DeliveryResult) => outcome.suppress

/** Whether everything that is to be reverted was locked in the right order. */
function coversAll(foreseen: ExceededLimit | null, found: ExceededLimit | null): boolean {
  const locked = new Set((foreseen?.earlier ?? []).map(({ id }) => id))
  return found === null || found.earlier.every(({ id }) => locked.has(id))
}

/** Reads the subscriptions of these deliveries. */
async function readSubscriptions(tx: Database, editionId: number, rejected: readonly SuppressedDelivery[]) {
  if (rejected.length === 0) return []
  const rows = await tx.execute<{ id: number }>(sql`
    select subscription_id as id from delivery
    where edition_id = ${editionId} and seq = any(${listOf(rejected.map(({ seq }) => seq))}::integer[])`)
  return rows.rows.map(({ id }) => id)
}

/** Locked before cohorts, as everywhere. */
async function lockSuppressions(tx: Database, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await tx.execute(sql`select from suppression where id = ${anyOf(ids)} order by id for update`)
}

/** What is still this worker's: its batches of these results, and the deliveries of theirs that are still `sending`. */
class StillOpen {
  readonly held: ReadonlySet<number>
  readonly #seqs: ReadonlySet<number>

  constructor(held: ReadonlySet<number>, seqs: ReadonlySet<number>) {
    this.held = held
    this.#seqs = seqs
  }

  has(seq: number): boolean {
    return this.#seqs.has(seq)
  }
}

/** Locks the batches of the results and those of `others`, all in id order. */
async function lockBatches(
  tx: Database,
  results: readonly DeliveryResult[],
  others: readonly number[],
): Promise<StillOpen> {
  const ids = [...new Set([...results.map(({ claimed }) => claimed.lease.batchId), ...others])]
  const batches = await tx.execute<{ id: number; token: number }>(sql`
    select id, token from batch where id = ${anyOf(ids)} order by id for update`)
  const tokens = new Map(batches.rows.map(({ id, token }) => [id, token]))
  const mine = results.filter(({ claimed: { lease } }) => tokens.get(lease.batchId) === lease.token)
  const seqs = await tx.execute<{ seq: number }>(sql`
    select seq from delivery
    where edition_id = ${results[0]?.claimed.lease.editionId ?? 0} and state = 'sending'
      and seq = any(${listOf(mine.map(({ claimed }) => claimed.seq))}::integer[])`)
  const held = new Set(mine.map(({ claimed }) => claimed.lease.batchId))
  return new StillOpen(held, new Set(seqs.rows.map(({ seq }) => seq)))
}

/**
 * Locks the edition and returns whether it is paused because of rejections. Locked after the batches, as planning does: of two
 * workers with rejections of one edition, the second counts those of the first.
 */
async function lockEdition(tx: Database, editionId: number): Promise<boolean> {
  const rows = await tx.execute<{ paused: boolean }>(sql`
    select state = 'paused' and starts_with(coalesce(reason, ''), ${TOO_MANY_REJECTIONS}) as paused
    from edition where id = ${editionId} for no key update`)
  return rows.rows[0]?.paused ?? false
}

async function suppressRejected(
  tx: Database,
  rejected: readonly DeliveryResult[],
  { outcomes }: RejectionCounts,
  now: Temporal.Instant,
): Promise<void> {
  if (rejected.length === 0) return
  const rows = rejected.map(({ claimed, outcome }) => ({
    id: claimed.subscriptionId,
    batchId: claimed.lease.batchId,
    seq: claimed.seq,
    reply: outcome.reply,
  }))
  await tx.execute(sql`
    insert into suppression (email_hash, email, reason, evidence, created_at, edition_id, batch_id, seq, outcomes)
    select p.email_hash, p.email, 'bounced', g.reply, ${now.toString()}::timestamptz, ${rejected[0]?.claimed.lease.editionId ?? 0}::bigint,
      g."batchId", g.seq, ${outcomes}::integer
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g (id bigint, "batchId" bigint, seq integer, reply text)
    join subscription s on s.id = g.id
    join subscriber p on p.id = s.subscriber_id
    order by p.id
    on conflict (email_hash) do nothing`)
}

const listOf = (numbers: readonly number[]) => `{${numbers.join(',')}}`
