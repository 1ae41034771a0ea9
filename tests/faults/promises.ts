import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { judge } from '../crash/promises.ts'
import type { Call } from '../crash/relay.ts'
import { readStanding } from '../crash/standing.ts'
import type { System } from './system.ts'

/** Who is to have how many articles in the end, numbered from 1. */
export type Wanted = { readonly address: string; readonly articles: number }

/** After a sending: each delivery is final or deferred until a time it shows, and no edition is held. */
export async function judgeOpen({ db }: System): Promise<readonly string[]> {
  const found = await db.execute<{ what: string }>(sql`
    select 'delivery ' || edition_id || '/' || seq || ' is ' || state as what from delivery
    where state in ('queued', 'sending') or state = 'deferred' and retry_at is null
    union all
    select 'edition ' || id || ' is ' || state || ': ' || coalesce(reason, '') from edition
    where state not in ('sending', 'finished')
    order by 1 limit 5`)
  return found.rows.map(({ what }) => what)
}

/** At the end: what every reader has, against what the relay took and what the rows say. */
export async function judgeDeliveries(
  { db, clock }: System,
  calls: readonly Call[],
  wanted: readonly Wanted[],
): Promise<readonly string[]> {
  const standing = await readStanding(db, clock.now().toString())
  const expected = {
    fromEditionId: Number.POSITIVE_INFINITY,
    planned: 0,
    putOff: new Set<string>(),
    cutCalls: new Set<number>(),
  }
  return [...judge(standing, calls, expected).broken, ...judgeArticles(calls, wanted)]
}

/** The batches' counters and ranges are those of their deliveries. */
export async function judgeBatches({ db, clock }: System): Promise<readonly string[]> {
  const { badBatches, editions } = await readStanding(db, clock.now().toString())
  return [
    ...badBatches.map(({ id, what }) => `batch ${id}: ${what}`),
    ...editions.flatMap(({ id, rows, ranged }) =>
      rows === ranged ? [] : [`edition ${id}: ${rows} rows, but batches over ${ranged}`],
    ),
  ]
}

/** By the rows: each of so many readers has each of so many entries in one delivery that was sent. */
export async function judgeEntries(db: Database, readers: number, entries: number): Promise<readonly string[]> {
  const found = await db.execute<{ what: string }>(sql`
    with got as (
      select d.subscription_id, unnest(v.entry_ids) as entry_id, d.state
      from delivery d join variant v on v.id = d.variant_id where d.state <> 'superseded'
    ), counted as (
      select s.id, e.id as entry_id, count(g.state) as times, count(*) filter (where g.state = 'sent') as sent
      from subscription s cross join entry e
      left join got g on g.subscription_id = s.id and g.entry_id = e.id
      group by s.id, e.id
    )
    select 'I1: subscription ' || id || ' has entry ' || entry_id || ' ' || times || ' times, sent ' || sent || ' times' as what
    from counted where times <> 1 or sent <> 1
    union all
    select count(distinct id) || ' readers and ' || count(distinct entry_id) || ' entries are there' from counted
    having count(distinct id) <> ${readers} or count(distinct entry_id) <> ${entries}
    limit 6`)
  return found.rows.map(({ what }) => what)
}

/** Every reader has each article once: copies count once where they have the same Message-ID. */
export function judgeArticles(calls: readonly Call[], wanted: readonly Wanted[]): readonly string[] {
  const got = new Map<string, Map<number, Set<string>>>()
  for (const { to, messageId, articles } of calls.flatMap((call) => call.taken)) {
    const ofReader = got.get(to) ?? new Map<number, Set<string>>()
    got.set(to, ofReader)
    for (const article of articles) ofReader.set(article, (ofReader.get(article) ?? new Set()).add(messageId))
  }
  const broken: string[] = []
  for (const { address, articles } of wanted) {
    const ofReader = got.get(address)
    for (let article = 1; article <= articles; article += 1)
      if (!ofReader?.has(article)) broken.push(`I1: ${address} never got article ${article}`)
  }
  for (const [address, ofReader] of got) {
    if (!wanted.some((one) => one.address === address)) broken.push(`I3: ${address} got a message`)
    for (const [article, { size }] of ofReader)
      if (size > 1) broken.push(`I1: ${address} got article ${article} in ${size} messages`)
  }
  return broken
}
