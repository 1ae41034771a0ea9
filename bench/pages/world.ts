import { sql } from 'drizzle-orm'
import { systemClock } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import { openLinkKeys, signLink } from '../../src/subscribers/tokens.ts'
import { makeWorld, type World } from '../../tests/support/world.ts'

/** A newsletter of many readers; each `plan` makes a digest of 76 KB for all of them, and says its edition's id. */
export type PagesWorld = { readonly plan: () => Promise<number>; readonly listPaths: () => Promise<readonly string[]> }

const ARTICLES = 60
const SENTENCE = 'Was geschehen ist, steht in einem ganzen Satz mit Umlauten wie in „Grünflächen“. '
/** Readers who look at their own page. */
const AT_THEIR_OWN = 20

/** Makes it with readers in two languages and four choices of topics, and one edition for the archive, which nobody gets. */
export async function makePagesWorld(db: Database, readers: number, secret: string): Promise<PagesWorld> {
  const world = await makeWorld(db)
  const topics = [await world.addTopic('Politik'), await world.addTopic('Kultur'), await world.addTopic('Sport')]
  const subscriptionIds: number[] = []
  for (const locale of ['de', 'en'] as const)
    for (const chosen of [[], ...topics.map((topic) => [topic])])
      subscriptionIds.push(...(await world.addReaders(readers / 8, { locale, topics: chosen })))
  const keys = openLinkKeys([secret])
  const own = subscriptionIds.slice(0, AT_THEIR_OWN).map((id) => signLink(keys, 'unsubscribe', { id, version: 1 }))
  const plan = () => planAnother(db, world, topics)
  const first = await plan()
  await db.execute(sql`update delivery set state = 'cancelled' where edition_id = ${first}`)
  await db.execute(sql`update batch set cancelled = to_seq - from_seq + 1 where edition_id = ${first}`)
  await db.execute(sql`update edition set state = 'finished' where id = ${first}`)
  return { plan, listPaths: async () => listPaths(db, own) }
}

async function planAnother(db: Database, world: World, topics: readonly number[]): Promise<number> {
  await world.addArticles(ARTICLES, topics)
  await db.execute(sql`update article set summary = ${SENTENCE.repeat(4)}, image_alt = title,
    image_url = 'https://example.org/pictures/' || id || '.jpg' where image_url is null`)
  await db.execute(sql`vacuum analyze`)
  const { edition } = await planEdition(db, makeManualRequest(world.newsletterId, null, null), systemClock)
  if (edition === null) throw new Error('Nothing was planned.')
  return edition.id
}

/** What readers look at during a send: form, archive, the editions in it, and each their own page to leave. */
async function listPaths(db: Database, own: readonly string[]): Promise<readonly string[]> {
  const editions = await db.execute<{ path: string }>(sql`
    select '/archive/' || n.slug || '/' || e.public_id as path
    from edition e join newsletter n on n.id = e.newsletter_id order by e.id desc limit 5`)
  const many = (path: string) => Array.from({ length: own.length }, () => path)
  const shown = own.map((_, at) => editions.rows[at % editions.rows.length]?.path ?? '/')
  return ['/', '/subscribe', '/archive/morgen'].flatMap(many).concat(
    shown,
    own.map((token) => `/unsubscribe/${token}`),
  )
}
