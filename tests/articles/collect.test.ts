import { asc, eq } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { type Collected, collectSources } from '../../src/articles/collect.ts'
import { attachSource } from '../../src/articles/sources/attach.ts'
import { findDueSources } from '../../src/articles/sources/due-sources.ts'
import { openSecretCipher } from '../../src/articles/sources/secrets.ts'
import { Temporal } from '../../src/clock.ts'
import { article, articleSource, entry } from '../../src/db/schema/article.ts'
import { newsletter, topic } from '../../src/db/schema/newsletter.ts'
import { newsletterSource, source } from '../../src/db/schema/source.ts'
import { handClock } from '../support/clock.ts'
import { startFeeds, type WrittenItem, writeRss } from '../support/feeds.ts'
import { freshDatabase, openFeeds } from '../support/fresh.ts'
import { countStatements } from '../support/statements.ts'
import { readTitles } from './titles.ts'

const NOW = Temporal.Instant.from('2026-03-10T08:00:00Z')
const TODAY = 'Tue, 10 Mar 2026 06:00:00 GMT'
const daysAgo = (days: number) => new Date(NOW.epochMilliseconds - days * 86_400_000).toUTCString()

const cipher = openSecretCipher(['s'.repeat(32)])
const database = await freshDatabase()
const feeds = await openFeeds()

async function addNewsletter(slug: string): Promise<number> {
  const [row] = await database.db
    .insert(newsletter)
    .values({
      ...{ slug, name: slug, locale: 'de', zone: 'Europe/Berlin', hour: 7, fromAddress: 'a@kurier.example' },
      ...{ fromName: slug, frequency: 'daily', createdAt: NOW },
    })
    .returning({ id: newsletter.id })
  return row?.id ?? 0
}

async function addSource(
  path: string,
  newsletterId: number,
  backfillDays: number | null = 7,
  now = NOW,
): Promise<number> {
  const wanted = { url: feeds.url(path), newsletterId, backfillDays, allowPrivate: true }
  return (await attachSource(database.db, wanted, now)).id
}

function collect(now = NOW, sourceIds: readonly number[] | null = null): Promise<Collected> {
  return collectSources(database.db, {
    sourceIds,
    clock: handClock(now),
    userAgent: 'Courant/test',
    allowPrivate: true,
    cipher,
    limits: { timeoutMs: 2000 },
  })
}

const item = (name: string, change: Partial<WrittenItem> = {}): WrittenItem => ({
  ...{
    guid: name,
    link: `https://kurier.example/${name}`,
    title: `Titel ${name}`,
    description: `Text von ${name}.`,
    pubDate: TODAY,
  },
  ...change,
})

const entriesOf = async (newsletterId: number) =>
  (await readTitles(database.db, newsletterId)).map((title) => title.replace('Titel ', ''))

async function sourceOf(id: number) {
  const [row] = await database.db.select().from(source).where(eq(source.id, id))
  if (row === undefined) throw new Error('no source')
  return row
}

const countArticles = async () => (await database.db.select().from(article)).length

describe('collecting', () => {
  test('stores what is new, as entries, the oldest publication first', async () => {
    const daily = await addNewsletter('daily')
    const id = await addSource('/a', daily)
    feeds.set('/a', writeRss([item('b', { topics: ['Politik', 'Sport'] }), item('a', { pubDate: daysAgo(1) })]))
    expect(await collect()).toEqual({ sources: 1, fetched: 1, unchanged: 0, failed: 0, held: 0, new: 2, updated: 0 })
    expect(await entriesOf(daily)).toEqual(['a', 'b'])
    expect(await sourceOf(id)).toMatchObject({
      title: 'Der Kurier',
      homeUrl: 'https://kurier.example/',
      language: 'de',
      fetches: 1,
    })
  })

  test('finds the next time what was added, and neither the same again nor what is gone', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    feeds.set('/a', writeRss([item('b'), item('a')]))
    await collect()
    feeds.set('/a', writeRss([item('c'), item('b')]))
    expect(await collect()).toMatchObject({ fetched: 1, new: 1, updated: 0 })
    expect(await entriesOf(daily)).toEqual(['a', 'b', 'c'])
  })

  test('sees that nothing changed: by validators, else by the body', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    await addSource('/b', daily)
    feeds.set('/a', writeRss([item('a')]))
    feeds.set('/b', { kind: 'document', body: writeRss([item('b')]), validators: false })
    await collect()
    expect(await collect()).toMatchObject({ fetched: 0, unchanged: 2, new: 0 })
    expect(feeds.asked.filter(({ path }) => path === '/a').at(-1)?.headers['if-none-match']).toBeDefined()
  })

  test('changes an edited article in place, and it is not new again', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    feeds.set('/a', writeRss([item('a', { topics: ['Sport'] })]))
    await collect()
    const [before] = await database.db.select().from(entry)
    feeds.set('/a', writeRss([item('a', { title: 'Titel A', description: 'Neuer Text.', topics: ['Politik'] })]))
    expect(await collect(NOW.add({ hours: 1 }))).toMatchObject({ new: 0, updated: 1 })
    const [row] = await database.db.select().from(article)
    expect(row).toMatchObject({
      title: 'Titel A',
      summary: 'Neuer Text.',
      updatedAt: NOW.add({ hours: 1 }),
      createdAt: NOW,
    })
    const [after] = await database.db.select().from(entry)
    const [politics] = await database.db.select().from(topic).where(eq(topic.key, 'politik'))
    expect(after).toEqual({ ...before, topics: [politics?.id] })
    feeds.set(
      '/a',
      writeRss([item('a', { title: 'Titel A', description: 'Neuer Text.', topics: ['Politik'] }), item('b')]),
    )
    expect(await collect()).toMatchObject({ new: 1, updated: 0 })
  })

  test('keeps the date of an article whose feed lost it', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    feeds.set('/a', writeRss([item('a')]))
    await collect()
    feeds.set('/a', writeRss([item('a', { pubDate: 'bald' })]))
    expect(await collect()).toMatchObject({ updated: 0 })
    expect((await database.db.select().from(article))[0]?.publishedAt?.toString()).toBe('2026-03-10T06:00:00Z')
  })

  test('knows articles whose guids were made anew, again and again', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    for (const round of [1, 2, 3]) {
      feeds.set('/a', writeRss([item('b', { guid: `${round}-x` }), item('a', { guid: `${round}-y` })]))
      expect(await collect()).toMatchObject({ new: round === 1 ? 2 : 0, updated: 0 })
    }
    expect(await database.db.select().from(articleSource)).toHaveLength(2)
  })

  test('knows articles whose guids are positions', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    const dateOf = (name: string) => daysAgo('fedcba'.indexOf(name) / 10)
    const feed = (names: string) =>
      writeRss([...names].map((name, place) => item(name, { guid: String(place), pubDate: dateOf(name) })))
    feeds.set('/a', feed('cba'))
    await collect()
    feeds.set('/a', feed('dcb'))
    expect(await collect()).toMatchObject({ new: 1, updated: 0 })
    feeds.set('/a', feed('fed'))
    expect(await collect()).toMatchObject({ new: 2, updated: 0 })
    expect(await entriesOf(daily)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('keeps what two items of one document share a URL apart', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    const link = 'https://kurier.example/live'
    feeds.set('/a', writeRss([item('b', { link }), item('a', { link })]))
    expect(await collect()).toMatchObject({ new: 2 })
    feeds.set('/a', writeRss([item('c', { link }), item('b', { link })]))
    expect(await collect()).toMatchObject({ new: 1, updated: 0 })
  })

  test('makes topics appear by themselves, once whatever their case, ascending in the entry', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    feeds.set(
      '/a',
      writeRss([item('b', { topics: ['Sport', 'politik'] }), item('a', { topics: ['Politik'], pubDate: daysAgo(1) })]),
    )
    await collect()
    const topics = await database.db.select().from(topic).orderBy(asc(topic.id))
    expect(topics.map(({ key }) => key).sort()).toEqual(['politik', 'sport'])
    const entries = await database.db.select().from(entry).orderBy(asc(entry.id))
    expect(entries.map((row) => row.topics)).toEqual([
      [topics.find(({ key }) => key === 'politik')?.id],
      topics.map(({ id }) => id),
    ])
  })

  test('stores whatever a hostile feed holds', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    const wild = 'a\u0000b\u0001c\ud800d\u202ee&#0;&#xd800;\u{1f600}'
    const topics = [wild, '\ufdfa'.repeat(80), 'x'.repeat(5000)]
    const hostile = [
      item('1', { guid: wild, title: wild, description: wild, topics }),
      item('2', { guid: 'ü'.repeat(100_000), title: 'ß'.repeat(100_000), link: `https://kurier.example/?${wild}` }),
      item('3', { link: `https://kurier.example/${'x'.repeat(100_000)}` }),
      item('4', { pubDate: '+275760-09-13' }),
    ]
    feeds.set('/a', writeRss(hostile))
    expect(await collect()).toMatchObject({ fetched: 1, failed: 0, new: 3 })
    feeds.set('/a', writeRss([...hostile, item('5')]))
    expect(await collect()).toMatchObject({ new: 1, updated: 0 })
  })

  test('asks the database as often for many items as for few', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    const countFor = async (items: WrittenItem[]) => {
      feeds.set('/a', writeRss(items))
      const collecting = { sourceIds: null, clock: handClock(NOW), userAgent: 'x', allowPrivate: true }
      const { statements } = await countStatements(database.pool).count((db) => collectSources(db, collecting))
      return statements.length
    }
    const many = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => item(`${prefix}${index}`, { topics: [`T${index % 7}`] }))
    const few = await countFor(many('a', 2))
    expect(await countFor(many('b', 300))).toBeLessThanOrEqual(few)
    expect(few).toBeLessThan(25)
  })
})

describe('an article of two sources', () => {
  test('is one article, and an entry for each newsletter that has one of them', async () => {
    const [first, second] = [await addNewsletter('first'), await addNewsletter('second')]
    await addSource('/a', first)
    const other = await addSource('/b', second)
    feeds.set('/a', writeRss([item('a')]))
    feeds.set('/b', writeRss([]))
    await collect()
    feeds.set(
      '/b',
      writeRss([item('other-guid', { link: 'http://www.kurier.example/a/?utm_source=b', title: 'Titel a' })]),
    )
    expect(await collect()).toMatchObject({ new: 0, updated: 0 })
    expect(await countArticles()).toBe(1)
    expect(await entriesOf(first)).toEqual(['a'])
    expect(await entriesOf(second)).toEqual(['a'])
    expect((await database.db.select().from(articleSource)).map(({ sourceId }) => sourceId)).toContain(other)
  })

  test('is one entry of a newsletter that has both', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    await addSource('/b', daily)
    feeds.set('/a', writeRss([item('a')]))
    feeds.set('/b', writeRss([item('x', { link: 'https://kurier.example/a', title: 'Titel a' })]))
    expect(await collect()).toMatchObject({ fetched: 2, new: 1 })
    expect(await entriesOf(daily)).toEqual(['a'])
  })

  test('is changed by the first of them only', async () => {
    const daily = await addNewsletter('daily')
    const first = await addSource('/a', daily)
    const second = await addSource('/b', daily)
    feeds.set('/a', writeRss([item('a')]))
    feeds.set('/b', writeRss([item('a', { description: 'Andere Worte.' })]))
    await collect(NOW, [first])
    expect(await collect(NOW, [second])).toMatchObject({ new: 0, updated: 0 })
    expect((await database.db.select().from(article))[0]?.summary).toBe('Text von a.')
  })

  test('that was seeded by one stays seeded when the other brings it', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily, 0)
    await addSource('/b', daily, 0)
    feeds.set('/a', writeRss([item('a')]))
    feeds.set('/b', writeRss([]))
    await collect()
    feeds.set('/b', writeRss([item('a')]))
    await collect()
    expect(await entriesOf(daily)).toEqual([])
  })
})

describe('a source that is added', () => {
  const archive = [
    item('new'),
    item('week', { pubDate: daysAgo(6) }),
    item('old', { pubDate: daysAgo(8) }),
    item('ancient', { pubDate: daysAgo(900) }),
  ]

  test.each([
    [7, ['week', 'new']],
    [30, ['old', 'week', 'new']],
    [0, []],
    [null, ['ancient', 'old', 'week', 'new']],
  ])('is new as far back as %s days, the rest is seeded', async (backfillDays, titles) => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily, backfillDays)
    feeds.set('/a', writeRss(archive))
    expect(await collect()).toMatchObject({ new: 4 })
    expect(await entriesOf(daily)).toEqual(titles)
    feeds.set('/a', writeRss([item('late', { pubDate: daysAgo(400) }), ...archive]))
    await collect()
    expect(await entriesOf(daily)).toEqual(
      ['late', ...titles].sort((a, b) => (a === 'late' ? 1 : b === 'late' ? -1 : 0)),
    )
  })

  test('without dates is new with the first ten of its document', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    const names = [...'abcdefghijklm']
    feeds.set('/a', writeRss(names.map((name) => item(name, { pubDate: 'bald' }))))
    await collect()
    expect(await entriesOf(daily)).toEqual(names.slice(0, 10).reverse())
  })

  test('keeps waiting while it fails', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/nowhere', daily)
    expect(await collect()).toMatchObject({ failed: 1 })
    expect((await database.db.select().from(newsletterSource))[0]?.admittedAt).toBeNull()
    feeds.set('/nowhere', writeRss([item('a'), item('old', { pubDate: daysAgo(30) })]))
    await collect(NOW.add({ hours: 1 }))
    expect(await entriesOf(daily)).toEqual(['a'])
    feeds.set('/nowhere', { kind: 'document', body: '', status: 404 })
  })

  test('and is collected for another newsletter already, is there at once', async () => {
    const [first, second] = [await addNewsletter('first'), await addNewsletter('second')]
    await addSource('/a', first, null)
    feeds.set('/a', writeRss(archive))
    await collect()
    await addSource('/a', second, 7)
    expect(await entriesOf(second)).toEqual(['week', 'new'])
    feeds.set('/a', writeRss([item('next'), ...archive]))
    expect(await collect()).toMatchObject({ sources: 1, new: 1 })
    expect(await entriesOf(first)).toEqual(['ancient', 'old', 'week', 'new', 'next'])
    expect(await entriesOf(second)).toEqual(['week', 'new', 'next'])
  })

  test('again after it was taken away, is new as far back as then asked for, though unchanged', async () => {
    const daily = await addNewsletter('daily')
    const id = await addSource('/a', daily, 0)
    feeds.set('/a', writeRss(archive))
    await collect()
    await database.db.delete(newsletterSource)
    expect(await collect()).toMatchObject({ sources: 0 })
    await addSource('/a', daily, 7)
    expect(await collect(NOW, [id])).toMatchObject({ unchanged: 1 })
    expect(await entriesOf(daily)).toEqual(['week', 'new'])
  })
})

describe('the pace', () => {
  const minutesOf = async (id: number, now: Temporal.Instant) => {
    const { nextFetchAt } = await sourceOf(id)
    return nextFetchAt === null ? null : now.until(nextFetchAt).total('minutes')
  }

  test('quickens to five minutes while there is something new, and slackens to a day when there is not', async () => {
    const id = await addSource('/a', await addNewsletter('daily'))
    const waits: (number | null)[] = []
    let now = NOW
    for (let round = 0; round < 25; round += 1) {
      if (round < 5) feeds.set('/a', writeRss([item(`n${round}`)]))
      await collect(now)
      waits.push(await minutesOf(id, now))
      now = now.add({ minutes: waits.at(-1) ?? 0 })
    }
    expect(waits.slice(0, 8)).toEqual([15, 8, 5, 5, 5, 7, 10, 14])
    expect(waits.slice(-2)).toEqual([1440, 1440])
  })

  test('is not slackened by a fetch before its time that finds nothing', async () => {
    const id = await addSource('/a', await addNewsletter('daily'))
    feeds.set('/a', writeRss([item('a')]))
    for (let round = 0; round < 5; round += 1) await collect(NOW.add({ minutes: round }))
    expect(await minutesOf(id, NOW.add({ minutes: 4 }))).toBe(15)
    await collect(NOW.add({ minutes: 19 }))
    expect(await minutesOf(id, NOW.add({ minutes: 19 }))).toBe(21)
  })

  test('is no faster than the server or the feed asks for, whether there is something new or not', async () => {
    const id = await addSource('/a', await addNewsletter('daily'))
    const serve = (body: string, cacheControl: string) =>
      feeds.set('/a', { kind: 'document', body, headers: { 'cache-control': cacheControl } })
    const ttl = (name: string) => writeRss([item(name)]).replace('<item>', '<ttl>90</ttl><item>')
    serve(writeRss([item('a')]), 'public, max-age=3601')
    await collect()
    expect(await minutesOf(id, NOW)).toBe(61)
    serve(ttl('b'), 'no-cache, max-age=99999999')
    await collect()
    expect(await minutesOf(id, NOW)).toBe(90)
    const later = NOW.add({ minutes: 90 })
    await collect(later)
    expect(await minutesOf(id, later)).toBe(126)
    serve(ttl('c'), 'max-age=99999999')
    await collect()
    expect(await minutesOf(id, NOW)).toBe(1440)
  })
})

describe('a source that fails', () => {
  test('is recorded with its reason, waits longer each time, and disturbs no other', async () => {
    const daily = await addNewsletter('daily')
    const bad = await addSource('/bad', daily)
    await addSource('/good', daily)
    feeds.set('/bad', '<html>Wartung</html>')
    feeds.set('/good', writeRss([item('a')]))
    const waits: number[] = []
    for (const round of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      expect(await collect()).toMatchObject({ failed: 1, new: round === 1 ? 1 : 0 })
      const row = await sourceOf(bad)
      expect(row.failures).toBe(round)
      waits.push(((row.nextFetchAt?.epochMilliseconds ?? 0) - NOW.epochMilliseconds) / 60_000)
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 480, 960, 1440, 1440])
    expect((await sourceOf(bad)).lastError).toContain('not a feed')
    feeds.set('/bad', writeRss([item('b')]))
    await collect()
    expect(await sourceOf(bad)).toMatchObject({ failures: 0, lastError: null, nextFetchAt: NOW.add({ minutes: 15 }) })
  })

  test('holds on to what it had: a page in the feed’s place is not taken for its document', async () => {
    const daily = await addNewsletter('daily')
    await addSource('/a', daily)
    const feed = writeRss([item('a')])
    feeds.set('/a', feed)
    await collect()
    feeds.set('/a', '<html>Wartung</html>')
    await collect()
    feeds.set('/a', feed)
    expect(await collect()).toMatchObject({ unchanged: 1, failed: 0 })
  })

  test('is asked again when its server wants, but within a day', async () => {
    const daily = await addNewsletter('daily')
    const id = await addSource('/busy', daily)
    const busy = (after: string) =>
      feeds.set('/busy', { kind: 'document', body: '', status: 503, headers: { 'retry-after': after } })
    busy('7200')
    await collect()
    expect((await sourceOf(id)).nextFetchAt).toEqual(NOW.add({ hours: 2 }))
    busy(NOW.add({ hours: 5 }).toString())
    await collect()
    expect((await sourceOf(id)).nextFetchAt).toEqual(NOW.add({ hours: 5 }))
    feeds.set('/busy', { kind: 'document', body: '', status: 429, headers: { 'retry-after': '28800' } })
    await collect()
    expect((await sourceOf(id)).nextFetchAt).toEqual(NOW.add({ hours: 8 }))
    busy('99999999')
    await collect()
    expect((await sourceOf(id)).nextFetchAt).toEqual(NOW.add({ hours: 24 }))
  })

  test('with 410 has ended, and is not asked again until it is named', async () => {
    const daily = await addNewsletter('daily')
    const id = await addSource('/gone', daily)
    feeds.set('/gone', { kind: 'document', body: '', status: 410 })
    await collect()
    expect((await sourceOf(id)).state).toBe('ended')
    expect(await collect()).toMatchObject({ sources: 0 })
    feeds.set('/gone', writeRss([item('a')]))
    expect(await collect(NOW, [id])).toMatchObject({ fetched: 1, new: 1 })
    expect((await sourceOf(id)).state).toBe('active')
  })
})

describe('a source that moves', () => {
  test('for good is fetched from there, once a feed was found there', async () => {
    const daily = await addNewsletter('daily')
    const id = await addSource('/old', daily)
    feeds.set('/old', { kind: 'redirect', to: '/new', status: 301 })
    feeds.set('/new', '<html>bald</html>')
    await collect()
    expect((await sourceOf(id)).feedUrl).toBe(feeds.url('/old'))
    feeds.set('/new', writeRss([item('a')]))
    await collect()
    expect(await sourceOf(id)).toMatchObject({ url: feeds.url('/old'), feedUrl: feeds.url('/new') })
  })

  test.each([301, 308] as const)(
    'for good (%i) is remembered over several hops, up to one that is not',
    async (status) => {
      const id = await addSource('/1', await addNewsletter('daily'))
      feeds.set('/1', { kind: 'redirect', to: '/2', status })
      feeds.set('/2', { kind: 'redirect', to: '/3', status })
      feeds.set('/3', { kind: 'redirect', to: '/4', status: 307 })
      feeds.set('/4', writeRss([item('a')]))
      await collect()
      expect((await sourceOf(id)).feedUrl).toBe(feeds.url('/3'))
    },
  )

  test('for the moment is fetched from the old place', async () => {
    const daily = await addNewsletter('daily')
    const id = await addSource('/here', daily)
    feeds.set('/here', { kind: 'redirect', to: '/there', status: 302 })
    feeds.set('/there', writeRss([item('a')]))
    await collect()
    expect((await sourceOf(id)).feedUrl).toBe(feeds.url('/here'))
  })

  test('to another server takes no password along, then or later', async () => {
    const other = await startFeeds()
    const daily = await addNewsletter('daily')
    const wanted = {
      url: feeds.url('/secret').replace('://', '://anna:geheim@'),
      newsletterId: daily,
      backfillDays: 7,
      ...{ allowPrivate: true, cipher },
    }
    const { id } = await attachSource(database.db, wanted, NOW)
    expect(await sourceOf(id)).toMatchObject({ url: feeds.url('/secret'), username: 'anna' })
    feeds.set('/secret', { kind: 'redirect', to: other.url('/open'), status: 301 })
    other.set('/open', writeRss([item('a')]))
    await collect()
    await collect()
    expect(feeds.asked.at(-1)?.headers.authorization).toMatch(/^Basic /)
    expect(other.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
    await other.close()
  })
})

describe('what is due', () => {
  test('is what was never fetched or whose time has come, and neither ended nor taken away', async () => {
    const daily = await addNewsletter('daily')
    const [now, later, ended, never] = [
      await addSource('/1', daily),
      await addSource('/2', daily),
      await addSource('/3', daily),
      await addSource('/4', daily),
    ]
    const gone = await addSource('/5', daily)
    const set = (id: number, change: Partial<typeof source.$inferInsert>) =>
      database.db.update(source).set(change).where(eq(source.id, id))
    await set(now, { nextFetchAt: NOW })
    await set(later, { nextFetchAt: NOW.add({ seconds: 1 }) })
    await set(ended, { state: 'ended' })
    await database.db.delete(newsletterSource).where(eq(newsletterSource.sourceId, gone))
    const due = await findDueSources(database.db, NOW)
    expect(due.map(({ id }) => id)).toEqual([never, now])
  })
})
