import { sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import type { withdrawal } from '../db/schema/subscriber.ts'
import { anyOf } from '../db/sql.ts'

/** That the owner of an address did not want a newsletter: they left, or a request was never confirmed. */
export type Withdrawal = { readonly kind: (typeof withdrawal.$inferSelect)['kind']; readonly at: Temporal.Instant }

/** Whose consent to what; `hash` in hex. */
type Pair = { readonly newsletterId: number; readonly hash: string }

export const withdrawalKey = ({ newsletterId, hash }: Pair): string => `${newsletterId} ${hash}`

/** Reads what is remembered of these, found by `withdrawalKey`. */
export async function findWithdrawals(tx: Database, pairs: readonly Pair[]): Promise<ReadonlyMap<string, Withdrawal>> {
  type Row = { newsletter_id: number; hash: string; kind: Withdrawal['kind']; at: string }
  const found = await tx.execute<Row>(sql`
    select x.newsletter_id, w.hash, x.kind, x.at
    from jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as w ("newsletterId" bigint, hash text)
    join withdrawal x on x.email_hash = decode(w.hash, 'hex') and x.newsletter_id = w."newsletterId"`)
  return new Map(
    found.rows.map(({ newsletter_id: newsletterId, hash, kind, at }) => [
      withdrawalKey({ newsletterId, hash }),
      { kind, at: Temporal.Instant.from(at) },
    ]),
  )
}

/** Remembers it of these subscriptions, also when all else of them is deleted. An act of the reader outweighs silence. */
export async function rememberWithdrawals(
  tx: Database,
  subscriptionIds: readonly number[],
  kind: Withdrawal['kind'],
  now: Temporal.Instant,
): Promise<void> {
  await tx.execute(sql`
    insert into withdrawal as x (email_hash, newsletter_id, kind, at)
    select p.email_hash, s.newsletter_id, ${kind}, ${now.toString()}::timestamptz
    from subscription s join subscriber p on p.id = s.subscriber_id
    where s.id = ${anyOf(subscriptionIds)}
    order by 1, 2
    on conflict (email_hash, newsletter_id) do update
      set at = greatest(x.at, excluded.at), kind = case when x.kind = 'unsubscribed' then x.kind else excluded.kind end`)
}

/** Forgets it of these subscriptions: their reader has consented anew, or takes the leaving back. */
export async function forgetWithdrawals(tx: Database, subscriptionIds: readonly number[]): Promise<void> {
  await tx.execute(sql`
    delete from withdrawal x using subscription s, subscriber p
    where s.id = ${anyOf(subscriptionIds)} and p.id = s.subscriber_id
      and x.email_hash = p.email_hash and x.newsletter_id = s.newsletter_id`)
}
