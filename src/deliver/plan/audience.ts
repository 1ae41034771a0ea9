import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { whyNotMail } from '../../subscribe/permission.ts'
import { inDoubt } from './doubt.ts'
import type { PlanOrder } from './order.ts'

/** Whole cohorts planned in one transaction. */
export type Slice = {
  readonly cohortIds: readonly number[]
  /** The home cohort is among them. */
  readonly home: boolean
}

/** A slice has about as many readers as a cohort may have; one transaction of this size takes a second. */
const READERS_A_SLICE = 100_000

/** The order's cohorts in id order, in slices of about 100,000 readers. */
export async function readSlices(db: Database, order: PlanOrder): Promise<readonly Slice[]> {
  const chosen =
    order.onlySubscriptionId !== null
      ? sql`id = (select cohort_id from subscription where id = ${order.onlySubscriptionId})`
      : order.cohortIds === null
        ? sql`true`
        : sql`id = any(${`{${order.cohortIds.join(',')}}`}::bigint[])`
  const rows = await db.execute<{ id: number; members: number; home: boolean }>(sql`
    select id, members, home from cohort where newsletter_id = ${order.newsletterId} and ${chosen} order by id`)
  const slices: { cohortIds: number[]; home: boolean; members: number }[] = []
  for (const cohort of rows.rows) {
    const last = slices.at(-1)
    if (last === undefined || last.members + cohort.members > READERS_A_SLICE)
      slices.push({ cohortIds: [cohort.id], home: cohort.home, members: cohort.members })
    else {
      last.cohortIds.push(cohort.id)
      last.home ||= cohort.home
      last.members += cohort.members
    }
  }
  return slices
}

/**
 * Puts the readers to plan into the temporary table `planned_reader`: the slice's subscriptions that may be
 * mailed and are without a delivery in this edition, and without one that may have arrived, each with its watermark `seen`
 * and, where an earlier delivery is still unsent, with what that one started from (`since`) and was tried.
 */
export async function readAudience(
  tx: Database,
  order: PlanOrder,
  slice: Slice,
  editionId: number | null,
): Promise<void> {
  const open = await tx.execute<{ id: number }>(sql`
    select id from edition
    where newsletter_id = ${order.newsletterId} and state in ('planning', 'sending', 'paused', 'held')
      and id is distinct from ${editionId}::bigint
    order by id`)
  const only = order.onlySubscriptionId === null ? sql`true` : sql`s.id = ${order.onlySubscriptionId}`
  const suppressed = sql`exists (select from suppression x where x.email_hash = p.email_hash)`
  const refusal = whyNotMail('digest', sql`s.state`, suppressed)
  const cohorts = sql`any(${`{${slice.cohortIds.join(',')}}`}::bigint[])`
  await tx.execute(sql`
    create temporary table planned_reader on commit drop as
    select s.id as subscription_id, s.subscriber_id, s.topics, p.locale, p.format,
      coalesce(s.seen_entry_id, c.seen_entry_id) as seen,
      least(coalesce(s.seen_entry_id, c.seen_entry_id), o.start_entry_id) as since,
      o.edition_id as open_edition_id, o.seq as open_seq, o.state as open_state,
      coalesce(o.attempts, 0)::smallint as attempts, o.first_tried_at, o.retry_at
    from subscription s
    join cohort c on c.id = s.cohort_id
    join subscriber p on p.id = s.subscriber_id
    left join (
      select d.* from delivery d
      where d.edition_id = any(${`{${open.rows.map((row) => row.id).join(',')}}`}::bigint[])
        and d.state in ('queued', 'deferred')
    ) o on o.subscription_id = s.id
    where s.cohort_id = ${cohorts} and ${only} and ${refusal} is null
      and not exists (
        select from delivery d where d.edition_id = ${editionId ?? -1} and d.subscriber_id = s.subscriber_id
      )
      and s.id not in (${inDoubt(order.newsletterId)})`)
  await tx.execute(sql`analyze planned_reader`)
}
