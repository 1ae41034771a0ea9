import { and, asc, eq, inArray, min } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { FREQUENCIES, type Frequency, topic } from '../../db/schema/newsletter.ts'
import { listNewsletters, type Newsletter } from '../../newsletters/newsletters.ts'

/** What the form offers: for one newsletter with its frequencies and topics, or for all with the frequencies they have in common. */
export type FormChoices = {
  readonly newsletters: readonly Newsletter[]
  /** The newsletter the page is about, where it is about one. */
  readonly only: Newsletter | null
}

const MOST_TOPICS = 200

/** Everything there is to subscribe to; about one newsletter where there is one only, or `slug` names it. */
export async function readFormChoices(db: Database, slug: string | null): Promise<FormChoices> {
  const newsletters = (await listNewsletters(db)).filter(({ state }) => state === 'active')
  const named = newsletters.find((newsletter) => newsletter.slug === slug)
  return { newsletters, only: named ?? (newsletters.length === 1 ? (newsletters[0] ?? null) : null) }
}

/** The frequencies that all of these newsletters offer, in their usual order. */
export function frequenciesOf(newsletters: readonly Newsletter[]): readonly Frequency[] {
  return FREQUENCIES.filter((frequency) => newsletters.every(({ frequencies }) => frequencies.includes(frequency)))
}

/** The names of the topics that any of these newsletters has and shows, each once, by name; at most 200. */
export async function readTopics(db: Database, newsletters: readonly Newsletter[]): Promise<readonly string[]> {
  const ids = newsletters.map(({ id }) => id)
  const rows = await db
    .select({ key: topic.key, name: min(topic.name) })
    .from(topic)
    .where(and(inArray(topic.newsletterId, ids), eq(topic.hidden, false)))
    .groupBy(topic.key)
    .orderBy(asc(min(topic.name)))
    .limit(MOST_TOPICS)
  return rows.flatMap(({ name }) => name ?? [])
}
