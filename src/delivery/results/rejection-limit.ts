import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { anyOf, openStates } from '../../db/sql.ts'
import type { DeliveryResult } from './write-results.ts'

/** A suppression that a delivery of an edition ended with. `outcomes`: how many the edition had before it. */
export type SuppressedDelivery = {
  readonly id: number
  readonly seq: number
  readonly batchId: number
  readonly domain: string
  readonly outcomes: number
}

/** The outcomes and rejections of an edition so far; `accepts`: the operator has accepted the rejections as correct. */
export type RejectionCounts = {
  readonly outcomes: number
  readonly rejected: readonly SuppressedDelivery[]
  readonly accepts: boolean
}

/** More permanent rejections than readers' mailboxes explain: the reason, and which suppressions belong to them. */
export type ExceededLimit = { readonly reason: string; readonly earlier: readonly SuppressedDelivery[] }

/** The beginning of the reason of an edition that is paused because of rejections. */
export const TOO_MANY_REJECTIONS = 'too many rejections'
/** Of the last outcomes of an edition, or of all notices, so many may be permanent rejections. */
export const WINDOW = 1_000
export const MOST_REJECTED = Math.max(20, 0.02 * WINDOW)
/** For a single domain: at least this many, and more than half of its outcomes. */
const DOMAIN_REJECTED = 20
/** Older rejections are not read; for a single domain, the outcomes of its last few batches are counted. */
const MOST_READ = 500
const BATCHES_COUNTED = 4

/** The newest suppressions of an edition's deliveries, and how many outcomes it has. A few milliseconds at a million readers. */
export async function readRejectionCounts(db: Database, editionId: number): Promise<RejectionCounts> {
  const sums = await db.execute<{ outcomes: number; accepts: boolean }>(sql`
    select e.accepts_rejections as accepts,
      (select coalesce(sum(s.sent + s.failed), 0)::integer from batch s where s.edition_id = e.id) as outcomes
    from edition e where e.id = ${editionId}`)
  const rows = await db.execute<SuppressedDelivery>(sql`
    select id, seq, batch_id as "batchId", lower(split_part(email, '@', 2)) as domain, outcomes
    from suppression where edition_id = ${editionId} order by id desc limit ${MOST_READ}`)
  return { ...(sums.rows[0] ?? { outcomes: 0, accepts: false }), rejected: rows.rows }
}

/** Whether these rejections, the newest of an edition, exceed a limit together with the earlier ones; null if they do not. */
export async function findExceededLimit(
  db: Database,
  editionId: number,
  counts: RejectionCounts,
  results: readonly DeliveryResult[],
  hard: readonly DeliveryResult[],
): Promise<ExceededLimit | null> {
  if (hard.length === 0 || counts.accepts) return null
  const outcomes = counts.outcomes + results.filter(isOutcome).length
  const recent = counts.rejected.filter((one) => one.outcomes > outcomes - WINDOW)
  const rejected = recent.length + hard.length
  if (rejected > MOST_REJECTED)
    return {
      reason: describeLimit(`${rejected} of the last ${Math.min(outcomes, WINDOW)} messages`, hard),
      earlier: recent,
    }
  for (const domain of new Set(hard.map(domainOf))) {
    const earlier = counts.rejected.filter((one) => one.domain === domain)
    const its = hard.filter((one) => domainOf(one) === domain)
    if (earlier.length + its.length < DOMAIN_REJECTED) continue
    const batchIds = [
      ...new Set([...its.map(({ claimed }) => claimed.lease.batchId), ...earlier.map((e) => e.batchId)]),
    ]
    const counted = await countDomain(db, editionId, domain, batchIds.slice(0, BATCHES_COUNTED))
    const all = counted.outcomes + results.filter((one) => isOutcome(one) && domainOf(one) === domain).length
    const of = counted.rejected + its.length
    if (of * 2 > all) return { reason: describeLimit(`${of} of ${all} messages to ${domain}`, its), earlier }
  }
  return null
}

/** Counts the outcomes of messages to a domain in these batches. */
async function countDomain(
  db: Database,
  editionId: number,
  domain: string,
  batchIds: readonly number[],
): Promise<{ readonly outcomes: number; readonly rejected: number }> {
  const rows = await db.execute<{ outcomes: number; rejected: number }>(sql`
    select count(*)::integer as outcomes, count(x.id)::integer as rejected
    from batch s
    join delivery d on d.edition_id = ${editionId} and d.seq between s.from_seq and s.to_seq and d.state in ('sent', 'failed')
    join subscriber p on p.id = d.subscriber_id and lower(split_part(p.email, '@', 2)) = ${domain}
    left join suppression x on x.email_hash = p.email_hash and x.edition_id = ${editionId}
    where s.id = ${anyOf(batchIds)} and s.edition_id = ${editionId}`)
  return rows.rows[0] ?? { outcomes: 0, rejected: 0 }
}

/** Finds the editions that are paused because of rejections, oldest first. */
export async function findPausedForRejections(db: Database): Promise<readonly number[]> {
  const found = await db.execute<{ id: number }>(sql`
    select id from edition
    where state in ${openStates} and state = 'paused' and starts_with(reason, ${TOO_MANY_REJECTIONS})
    order by id limit 20`)
  return found.rows.map(({ id }) => id)
}

const isOutcome = ({ outcome }: DeliveryResult) => outcome.state === 'sent' || outcome.state === 'failed'

const domainOf = ({ claimed }: DeliveryResult) => claimed.reader.email.split('@').at(-1)?.toLowerCase() ?? ''

function describeLimit(what: string, hard: readonly DeliveryResult[]): string {
  const { reason, reply } = hard[0]?.outcome ?? { reason: null, reply: null }
  return `${TOO_MANY_REJECTIONS}: ${what} were rejected permanently, so no address is suppressed; the last reply means that ${reason} (${reply})`
}
