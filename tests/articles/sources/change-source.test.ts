import { eq } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import { collectSources } from '../../../src/articles/collect.ts'
import { attachSource } from '../../../src/articles/sources/attach.ts'
import { changeSource, type SourceChange } from '../../../src/articles/sources/change-source.ts'
import { openSecretCipher, openSecrets } from '../../../src/articles/sources/secrets.ts'
import { Temporal } from '../../../src/clock.ts'
import { entry } from '../../../src/db/schema/article.ts'
import { source } from '../../../src/db/schema/source.ts'
import { handClock } from '../../support/clock.ts'
import { writeRss } from '../../support/feeds.ts'
import { freshDatabase, openFeeds } from '../../support/fresh.ts'
import { makeWorld } from '../../support/world.ts'

const NOW = Temporal.Instant.from('2026-03-10T08:00:00Z')
const database = await freshDatabase()
const feeds = await openFeeds()
let sourceId: number
let newsletterId: number
beforeEach(async () => {
  newsletterId = (await makeWorld(database.db)).newsletterId
  sourceId = (await attach('/feed')).id
})

const attach = (path: string, backfillDays: number | null = 7) =>
  attachSource(database.db, { url: feeds.url(path), newsletterId, backfillDays, allowPrivate: true }, NOW)
const cipher = openSecretCipher(['s'.repeat(32)])
const change = (changes: SourceChange, name = String(sourceId)) =>
  changeSource(database.db, name, changes, true, cipher)
const row = async () => (await database.db.select().from(source).where(eq(source.id, sourceId)))[0]
/** The row with its secrets as they are sent. */
const openRow = async () => {
  const kept = await row()
  return kept && { ...kept, ...openSecrets(kept, cipher) }
}
const collect = () =>
  collectSources(database.db, {
    ...{ sourceIds: [sourceId], clock: handClock(NOW), userAgent: 'test', allowPrivate: true, cipher },
  })
const lastAsked = () => feeds.asked.at(-1)?.headers
const refusal = (code: string) => expect.objectContaining({ code })
const item = (number: number, day: string) => ({
  link: `https://kurier.example/${number}`,
  title: `Titel ${number}`,
  pubDate: `${day} Mar 2026 08:00:00 GMT`,
})

describe('changing a source', () => {
  test('to another URL forgets what was known of the old document and fetches the new one at once', async () => {
    feeds.set('/feed', writeRss([item(1, 'Mon, 09')]))
    await collect()
    expect(await row()).toMatchObject({ etag: expect.any(String), bodyHash: expect.any(String) })
    await database.db.update(source).set({ state: 'ended', failures: 3, lastError: 'gone' })
    expect(await change({ url: feeds.url('/moved') })).toMatchObject({ url: feeds.url('/moved'), state: 'active' })
    expect(await row()).toMatchObject({
      ...{ url: feeds.url('/moved'), feedUrl: feeds.url('/moved'), state: 'active', failures: 0, lastError: null },
      ...{ etag: null, lastModified: null, bodyHash: null, nextFetchAt: null },
    })
    feeds.set('/moved', writeRss([item(2, 'Mon, 09'), item(1, 'Mon, 09')]))
    expect(await collect()).toMatchObject({ fetched: 1, new: 1 })
    expect(lastAsked()).not.toHaveProperty('if-none-match')
    expect(await database.db.select().from(entry)).toHaveLength(2)
  })

  test('to another URL makes nothing new of the archive that stands there', async () => {
    feeds.set('/feed', writeRss([item(1, 'Mon, 09')]))
    await collect()
    await change({ url: feeds.url('/archive') })
    feeds.set('/archive', writeRss([item(3, 'Mon, 09'), item(8, 'Sun, 01'), item(9, 'Sun, 01')]))
    await collect()
    expect((await database.db.select().from(entry)).map(({ articleId }) => articleId)).toEqual([1, expect.any(Number)])
  })

  test('sends user agent, credentials and headers, and takes them away again', async () => {
    feeds.set('/feed', writeRss([item(1, 'Mon, 09')]))
    const changed = await change({
      userAgent: 'Mozilla/5.0',
      username: 'anna',
      password: 'ge heim',
      headers: ['X-Api-Key: abc: def', 'Cookie: a=b'],
    })
    expect(changed).toMatchObject({
      userAgent: 'Mozilla/5.0',
      hasCredentials: true,
      headerNames: ['x-api-key', 'cookie'],
    })
    expect(JSON.stringify(changed)).not.toMatch(/anna|heim|abc|a=b/)
    await collect()
    const basic = `Basic ${Buffer.from('anna:ge heim').toString('base64')}`
    expect(lastAsked()).toMatchObject({
      ...{ 'user-agent': 'Mozilla/5.0', authorization: basic, 'x-api-key': 'abc: def', cookie: 'a=b' },
    })
    await change({ userAgent: '', username: '', headers: ['cookie:'] })
    expect(await openRow()).toMatchObject({
      ...{ userAgent: null, username: null, password: null, headers: { 'x-api-key': 'abc: def' } },
    })
    await change({ headers: ['X-API-KEY:'] })
    expect(await openRow()).toMatchObject({ headers: null })
  })

  test('changes the password alone, and leaves what is not named', async () => {
    await change({ username: 'anna', password: 'eins', userAgent: 'Agent' })
    await change({ password: 'zwei' })
    expect(await openRow()).toMatchObject({ username: 'anna', password: 'zwei', userAgent: 'Agent' })
  })

  test('to another host leaves the old one’s secrets behind, unless they are given anew', async () => {
    await change({ username: 'anna', password: 'eins', headers: ['X-Key: k'] })
    expect(await change({ url: feeds.url('/other') })).toMatchObject({ dropped: false, hasCredentials: true })
    expect(await change({ url: 'https://elsewhere.example/feed' })).toMatchObject({
      ...{ dropped: true, hasCredentials: false, headerNames: [] },
    })
    expect(await openRow()).toMatchObject({ username: null, password: null, headers: null })
    await change({ url: 'https://third.example/feed', username: 'berta', password: 'drei' })
    expect(await openRow()).toMatchObject({ username: 'berta', password: 'drei' })
    await change({ url: 'https://carla:vier@third.example/feed2' })
    expect(await openRow()).toMatchObject({ username: 'carla', password: 'vier', url: 'https://third.example/feed2' })
  })

  test('goes back to the URL it was redirected from', async () => {
    await database.db
      .update(source)
      .set({ feedUrl: feeds.url('/wrong'), etag: 'x' })
      .where(eq(source.id, sourceId))
    await change({ url: feeds.url('/feed') })
    expect(await row()).toMatchObject({ feedUrl: feeds.url('/feed'), etag: null })
  })

  test('is named by its URL too', async () => {
    expect(await change({ userAgent: 'Agent' }, feeds.url('/feed'))).toMatchObject({ id: sourceId })
  })
})

describe('a change is refused', () => {
  test('where nobody takes the source, or it is no feed', async () => {
    await expect(change({ userAgent: 'x' }, '77')).rejects.toThrow(refusal('source.unknown'))
    await expect(change({ userAgent: 'x' }, 'https://nobody.example/')).rejects.toThrow(refusal('source.unknown'))
  })

  test('to a URL that may not be fetched, or that another source has', async () => {
    const guarded = (url: string) => changeSource(database.db, String(sourceId), { url }, false)
    await expect(guarded('http://10.0.0.1/feed')).rejects.toThrow(refusal('source.refused'))
    await expect(guarded('kurier')).rejects.toThrow(refusal('source.invalid'))
    await attach('/second')
    await expect(change({ url: feeds.url('/second'), userAgent: 'x' })).rejects.toThrow(refusal('source.exists'))
    expect(await row()).toMatchObject({ url: feeds.url('/feed'), userAgent: null })
  })

  test.each([
    { password: 'without a name' },
    { username: 'a:b', password: 'x' },
    { username: 'anna', password: 'two\nlines' },
    { userAgent: 'Agent\r\nX-Evil: 1' },
    { headers: ['no colon'] },
    { headers: ['Host: elsewhere.example'] },
    { headers: ['User-Agent: x'] },
    { headers: ['X-Key: two\r\nlines'] },
    { headers: ['X Key: space in its name'] },
    { headers: ['X-Key: gehe\u0308im'] },
    { headers: Array.from({ length: 21 }, (_, number) => `X-${number}: y`) },
  ] satisfies SourceChange[])('with %j, and nothing is kept', async (changes) => {
    const before = await row()
    const error = await change(changes).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'source.invalid' })
    expect(await row()).toEqual(before)
  })

  test('without repeating a secret', async () => {
    const error = await change({ headers: ['X-Key: gehe\u0308im'] }).catch((thrown) => thrown)
    expect(`${error.message} ${error.todo}`).not.toContain('gehe')
  })
})
