import { sql } from 'drizzle-orm'
import { systemClock } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import { makeWorld } from '../../tests/support/world.ts'

/** A newsletter with articles and readers, all planned. */
export type BenchWorld = { readonly editionId: number; readonly deliveries: number }

const ARTICLES = 60
const SENTENCE = 'Was geschehen ist, steht in einem ganzen Satz mit Umlauten wie in „Grünflächen“. '

/** Plans an edition for `readers` in two languages and four choices of topics; its mails have about 76 KB. */
export async function planBenchWorld(db: Database, readers: number): Promise<BenchWorld> {
  const world = await makeWorld(db)
  const topics = [await world.addTopic('Politik'), await world.addTopic('Kultur'), await world.addTopic('Sport')]
  await world.addArticles(ARTICLES, topics)
  await db.execute(sql`update article set summary = ${SENTENCE.repeat(4)},
    image_url = 'https://example.org/pictures/' || id || '.jpg', image_alt = title`)
  const choices = [[], ...topics.map((topic) => [topic])]
  for (const locale of ['de', 'en'] as const) {
    for (const chosen of choices) {
      await world.addReaders(readers / 2 / choices.length, { locale, topics: chosen })
    }
  }
  await db.execute(sql`vacuum analyze`)
  const { edition } = await planEdition(db, makeManualRequest(world.newsletterId, null, null), systemClock)
  if (edition === null) throw new Error('Nothing was planned.')
  return { editionId: edition.id, deliveries: readers }
}

/** Queues all deliveries of the edition again, as they were planned, and clears away what the last round left. */
export async function queueAgain(db: Database, { editionId }: BenchWorld): Promise<void> {
  await db.execute(sql`
    update delivery set state = 'queued', attempts = 0, ambiguous = false, reason = null, reply = null,
      first_tried_at = null, retry_at = null, final_at = null
    where edition_id = ${editionId}`)
  await db.execute(sql`
    update batch set due_at = now() - interval '1 minute', owner = null, lease_until = null, recalled_until = null,
      sending = 0, sent = 0, deferred = 0, failed = 0, suppressed = 0, skipped = 0
    where edition_id = ${editionId}`)
  await db.execute(sql`update edition set state = 'sending', finished_at = null where id = ${editionId}`)
  await db.execute(sql`vacuum full delivery`)
  await db.execute(sql`vacuum analyze`)
  await db.execute(sql`checkpoint`)
}

/** How many of the edition's deliveries are committed as sent, by their rows. */
export async function countSent(db: Database, { editionId }: BenchWorld): Promise<number> {
  const rows = await db.execute<{ sent: number }>(sql`
    select count(*) as sent from delivery where edition_id = ${editionId} and state = 'sent'`)
  return rows.rows[0]?.sent ?? 0
}
