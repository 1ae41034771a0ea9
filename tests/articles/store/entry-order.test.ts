import { asc, eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toArticle } from '../../../src/articles/build-article.ts'
import { storeArticles } from '../../../src/articles/store/store-articles.ts'
import { withStoreLock } from '../../../src/articles/store/store-lock.ts'
import { Temporal } from '../../../src/clock.ts'
import { type Database, type OpenDatabase, openDatabase } from '../../../src/db/client.ts'
import { entry } from '../../../src/db/schema/article.ts'
import { newsletterSource, source } from '../../../src/db/schema/source.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { makeWorld } from '../../support/world.ts'

const NOW = Temporal.Instant.from('2026-03-10T08:00:00Z')
let database: TestDatabase
let second: OpenDatabase
beforeAll(async () => {
  database = await openTestDatabase()
  second = await openDatabase(database.url)
})
afterAll(async () => {
  await second.close()
  await database.close()
})

function makeArticle(name: string) {
  const url = `https://kurier.example/${name}`
  const item = {
    id: name,
    url,
    title: name,
    summary: name,
    contentHtml: null,
    author: null,
    publishedAt: NOW,
    topics: ['A'],
    image: null,
  }
  const made = toArticle(item, 'de')
  if (made === null) throw new Error('no article')
  return made
}

test('entries become visible in the order of their ids, however many collect at once', async () => {
  const { db } = database
  const newsletters = [(await makeWorld(db, 'eins')).newsletterId, (await makeWorld(db, 'zwei')).newsletterId]
  const sources: number[] = []
  for (const name of ['a', 'b', 'c', 'd']) {
    const url = `https://${name}.example/feed`
    const [row] = await db
      .insert(source)
      .values({ kind: 'feed', url, feedUrl: url, createdAt: NOW })
      .returning({ id: source.id })
    const sourceId = row?.id ?? 0
    sources.push(sourceId)
    // Every other source lists the newsletters the other way round.
    const order = sources.length % 2 === 0 ? newsletters : newsletters.toReversed()
    await db
      .insert(newsletterSource)
      .values(order.map((newsletterId) => ({ newsletterId, sourceId, admittedAt: NOW, createdAt: NOW })))
  }
  const ROUNDS = 12
  const collector = async (sourceId: number, by: Database) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const articles = [1, 2, 3].map((number) => makeArticle(`${sourceId}-${round}-${number}`))
      await withStoreLock(by, async (tx) => {
        await storeArticles(tx, { sourceId, articles, homeKey: null, earlier: null }, NOW)
        // Keeps the transaction open for a while, some longer than others: without locks they end in any order.
        for (let more = 0; more < ((sourceId + round) % 4) * 5; more += 1) await tx.execute(sql`select 1`)
      })
    }
  }
  const state = { done: false }
  const reader = async (newsletterId: number) => {
    const seen = new Set<number>()
    let highest = 0
    const late: number[] = []
    for (let last = false; !last; ) {
      last = state.done
      const rows = await db
        .select({ id: entry.id })
        .from(entry)
        .where(eq(entry.newsletterId, newsletterId))
        .orderBy(asc(entry.id))
      const fresh = rows.map(({ id }) => id).filter((id) => !seen.has(id))
      late.push(...fresh.filter((id) => id < highest))
      for (const id of fresh) seen.add(id)
      highest = Math.max(highest, ...fresh)
    }
    return { late, count: seen.size }
  }
  const reading = newsletters.map(reader)
  // As two processes do: in each one storing transaction waits for the other, and both for each other's lock.
  await Promise.all(sources.map((id, index) => collector(id, index < 2 ? db : second.db)))
  state.done = true
  for (const result of await Promise.all(reading))
    expect(result).toEqual({ late: [], count: sources.length * ROUNDS * 3 })
})

test('an article that several sources bring at once is one', async () => {
  const { db } = database
  const before = await db.execute<{ id: number }>(sql`select id from source order by id`)
  await Promise.all(
    before.rows.map(({ id }, index) =>
      withStoreLock(index % 2 === 0 ? db : second.db, (tx) =>
        storeArticles(tx, { sourceId: id, articles: [makeArticle('shared')], homeKey: null, earlier: null }, NOW),
      ),
    ),
  )
  const found = await db.execute<{ count: number }>(
    sql`select count(*)::integer as count from article where title = 'shared'`,
  )
  expect(found.rows[0]?.count).toBe(1)
})

test('who waits for another process to have stored its articles holds no connection meanwhile', async () => {
  const waiting = await openDatabase(database.url, 1)
  const stored = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const holding = withStoreLock(database.db, async (tx) => {
    await tx.execute(sql`select 1`)
    begun.resolve()
    await stored.promise
  })
  await begun.promise
  const order: string[] = []
  const later = withStoreLock(waiting.db, async () => order.push('stored'))
  // On the embedded database nobody is served during another's transaction, whoever waits for what.
  if (database.engine === 'postgres') await waiting.db.execute(sql`select 1`).then(() => order.push('asked'))
  else order.push('asked')
  stored.resolve()
  await Promise.all([holding, later])
  expect(order).toEqual(['asked', 'stored'])
  await waiting.close()
})

test('a storing transaction that fails keeps the next from nothing', async () => {
  const { db } = database
  const failing = withStoreLock(db, (tx) => tx.execute(sql`select 1 / 0`))
  const next = withStoreLock(db, async () => 'stored')
  await expect(failing).rejects.toThrow()
  expect(await next).toBe('stored')
})
