import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { oneLine } from '../locale/clean-line.ts'

/** A label wanted in a newsletter. */
type WantedTopic = { readonly newsletterId: number; readonly name: string }

/** The ids of topics, asked for by newsletter and name; null for one that a reader cannot pick. */
type TopicIds = (newsletterId: number, name: string) => number | null

/** What a topic's name is compared by, so that “Politik” and “ politik” are one topic. */
export function topicKey(name: string): string {
  return tidy(name).toLowerCase()
}

/** Finds topics that a reader may pick, by their names: those there are, but hidden ones. */
export async function findPickable(db: Database, wanted: readonly WantedTopic[]): Promise<TopicIds> {
  const ids = await findTopics(db, wanted, sql`not t.hidden`)
  return (newsletterId, name) => ids.get(keyOf(newsletterId, name)) ?? null
}

/** Finds topics by their names and makes those that are missing; topics appear by themselves. */
export async function ensureTopics(
  tx: Database,
  wanted: readonly WantedTopic[],
  now: Temporal.Instant,
): Promise<TopicIds> {
  // The first spelling of a name is the one that is kept.
  const byKey = new Map(wanted.toReversed().map((topic) => [keyOf(topic.newsletterId, topic.name), topic]))
  const ids = await findTopics(tx, [...byKey.values()])
  const missing = [...byKey].filter(([key]) => !ids.has(key)).map(([, topic]) => topic)
  if (missing.length > 0) {
    await addTopics(tx, missing, now)
    for (const [key, id] of await findTopics(tx, missing)) ids.set(key, id)
  }
  return (newsletterId, name) => {
    const id = ids.get(keyOf(newsletterId, name))
    if (id === undefined) throw new RangeError('a topic that was not asked for')
    return id
  }
}

const tidy = (name: string) => oneLine(name.normalize('NFKC'))
const keyOf = (newsletterId: number, name: string) => `${newsletterId} ${topicKey(name)}`
const rowsOf = (topics: readonly WantedTopic[]) =>
  JSON.stringify(topics.map(({ newsletterId, name }) => ({ newsletterId, key: topicKey(name), name: tidy(name) })))

async function findTopics(
  tx: Database,
  topics: readonly WantedTopic[],
  which = sql`true`,
): Promise<Map<string, number>> {
  const found = await tx.execute<{ id: number; newsletter_id: number; key: string }>(sql`
    select t.id, t.newsletter_id, t.key
    from jsonb_to_recordset(${rowsOf(topics)}::jsonb) as w ("newsletterId" bigint, key text)
    join topic t on t.newsletter_id = w."newsletterId" and t.key = w.key
    where ${which}`)
  return new Map(found.rows.map((topic) => [`${topic.newsletter_id} ${topic.key}`, topic.id]))
}

/** In one order everywhere, so that two who add the same topics wait for each other instead of in a ring. */
async function addTopics(tx: Database, topics: readonly WantedTopic[], now: Temporal.Instant): Promise<void> {
  await tx.execute(sql`
    insert into topic (newsletter_id, key, name, created_at)
    select "newsletterId", key, name, ${now.toString()}::timestamptz
    from jsonb_to_recordset(${rowsOf(topics)}::jsonb) as w ("newsletterId" bigint, key text, name text)
    order by "newsletterId", key
    on conflict (newsletter_id, key) do nothing`)
}
