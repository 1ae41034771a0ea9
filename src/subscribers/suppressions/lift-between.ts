import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { suppression } from '../../db/schema/subscriber.ts'

/** A suppression as people see it; `askedAt`: when its reader was asked to confirm all the same. */
export type ListedSuppression = {
  readonly id: number
  readonly email: string | null
  readonly reason: (typeof suppression.$inferSelect)['reason']
  readonly evidence: string | null
  readonly edition: number | null
  readonly at: string
  readonly askedAt: string | null
}

/** From `since` on and before `until`; null for no bound. */
type TimeSpan = { readonly since: Temporal.Instant | null; readonly until: Temporal.Instant | null }

/** Read at once, and lifted in one transaction. */
const PAGE = 1_000

const within = ({ since, until }: TimeSpan): SQL => sql`
  (${since?.toString() ?? null}::timestamptz is null or x.created_at >= ${since?.toString() ?? null})
  and (${until?.toString() ?? null}::timestamptz is null or x.created_at < ${until?.toString() ?? null})`

/** The suppressions of a span of time, the oldest first, read page by page. */
export async function* listSuppressions(
  db: Database,
  span: TimeSpan,
  reason: ListedSuppression['reason'] | null,
): AsyncGenerator<ListedSuppression> {
  let after = 0
  for (;;) {
    const page = await db.execute<ListedSuppression>(sql`
      select x.id, x.email, x.reason, x.evidence, x.edition_id as edition, ${instantOf(sql`x.created_at`)} as at,
        ${instantOf(sql`x.retried_at`)} as "askedAt"
      from suppression x
      where x.id > ${after} and ${within(span)} and (${reason}::text is null or x.reason = ${reason})
      order by x.id limit ${PAGE}`)
    yield* page.rows
    const last = page.rows.at(-1)
    if (last === undefined || page.rows.length < PAGE) return
    after = last.id
  }
}

const instantOf = (at: SQL) => sql`to_char(${at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`

/** A relay's refusal alone is lifted together with others: complaints, blocks and erasures are somebody's own wish. */
const isRelays = sql`x.reason = 'bounced'`

/** How many suppressions `liftSpan` would lift. */
export async function countSpan(db: Database, span: TimeSpan): Promise<number> {
  const rows = await db.execute<{ count: number }>(sql`
    select count(*)::integer as count from suppression x where ${within(span)} and ${isRelays}`)
  return rows.rows[0]?.count ?? 0
}

/**
 * Lifts the suppressions that a relay's refusals made in a span of time, and returns how many: their readers get what their
 * subscriptions say, as before, since they never withdrew their consent. Each is recorded with the reason. A thousand are one
 * transaction; cut short, the same again does the rest.
 */
export async function liftSpan(db: Database, span: TimeSpan, reason: string, now: Temporal.Instant): Promise<number> {
  let lifted = 0
  for (;;) {
    const count = await db.transaction((tx) => liftPage(tx, span, reason, now))
    lifted += count
    if (count < PAGE) return lifted
  }
}

async function liftPage(tx: Database, span: TimeSpan, reason: string, now: Temporal.Instant): Promise<number> {
  const locked = await tx.execute<{ id: number }>(sql`
    select x.id from suppression x where ${within(span)} and ${isRelays} order by x.id limit ${PAGE} for update`)
  const ids = `{${locked.rows.map(({ id }) => id).join(',')}}`
  await tx.execute(sql`
    insert into consent_record (subscriber_id, subscription_id, newsletter_id, email_hash, action, evidence, details, at)
    select p.id, s.id, s.newsletter_id, x.email_hash, 'lifted', ${reason},
      jsonb_build_object('by', 'administrator', 'suppression', x.reason, 'said', x.evidence), ${now.toString()}::timestamptz
    from suppression x
    left join subscriber p on p.email_hash = x.email_hash
    left join subscription s on s.subscriber_id = p.id and s.state <> 'unsubscribed'
    where x.id = any(${ids}::bigint[])
    order by x.id, s.id`)
  await tx.execute(sql`delete from suppression where id = any(${ids}::bigint[])`)
  return locked.rows.length
}
