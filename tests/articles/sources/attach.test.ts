import { describe, expect, test } from 'vitest'
import { attachSource, detachSource } from '../../../src/articles/sources/attach.ts'
import { listSources } from '../../../src/articles/sources/list-sources.ts'
import { openSecretCipher } from '../../../src/articles/sources/secrets.ts'
import { Temporal } from '../../../src/clock.ts'
import { newsletterSource, source } from '../../../src/db/schema/source.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld } from '../../support/world.ts'

const NOW = Temporal.Instant.from('2026-03-10T08:00:00Z')
const FEED = 'https://kurier.example/feed.xml'
const database = await freshDatabase()

const cipher = openSecretCipher(['s'.repeat(32)])
const attach = (newsletterId: number, url = FEED, allowPrivate = false) =>
  attachSource(database.db, { url, newsletterId, backfillDays: 7, allowPrivate, cipher }, NOW)
const refusal = (code: string) => expect.objectContaining({ code })

describe('adding a source', () => {
  test('makes it once, and gives it to a second newsletter', async () => {
    const first = await makeWorld(database.db, 'eins')
    const second = await makeWorld(database.db, 'zwei')
    const made = await attach(first.newsletterId)
    expect(made).toMatchObject({ url: FEED, created: true })
    expect(await attach(second.newsletterId, ` ${FEED}#top `)).toEqual({ ...made, created: false })
    expect(await listSources(database.db, null)).toEqual([
      expect.objectContaining({ id: made.id, url: FEED, newsletters: ['eins', 'zwei'], failures: 0, lastError: null }),
    ])
  })

  test('a second time to the same newsletter is refused with its id', async () => {
    const { newsletterId } = await makeWorld(database.db)
    const { id } = await attach(newsletterId)
    await expect(attach(newsletterId)).rejects.toThrow(`It is source ${id}`)
    expect(await database.db.select().from(newsletterSource)).toHaveLength(1)
  })

  test.each([
    'http://10.0.0.1/feed',
    'http://localhost/feed',
    'ftp://kurier.example/feed',
    'https://anna@kurier.example/',
  ])('from %s is refused before anything is fetched or kept', async (url) => {
    const { newsletterId } = await makeWorld(database.db)
    await expect(attach(newsletterId, url)).rejects.toThrow(refusal('source.refused'))
    expect(await listSources(database.db, null)).toEqual([])
  })

  test('takes what people paste, and refuses what is not a URL', async () => {
    const { newsletterId } = await makeWorld(database.db)
    expect((await attach(newsletterId, 'feed://kurier.example/a')).url).toBe('https://kurier.example/a')
    expect((await attach(newsletterId, 'feed:https://kurier.example/b')).url).toBe('https://kurier.example/b')
    await expect(attach(newsletterId, 'kurier')).rejects.toThrow(refusal('source.invalid'))
  })

  test('keeps a password apart from the URL, and shows neither', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId, 'https://anna:ge%20heim@kurier.example/feed')
    const rows = await database.db.select().from(source)
    const kept = rows.find(({ username }) => username === 'anna')
    expect(kept?.url).toBe('https://kurier.example/feed')
    expect(cipher.decrypt(kept?.password ?? '')).toBe('ge heim')
    await attach(newsletterId, 'https://anna:%zz@kurier.example/odd')
    expect(JSON.stringify(await listSources(database.db, newsletterId))).not.toMatch(/anna|heim/)
  })

  test('that had ended brings it back', async () => {
    const first = await makeWorld(database.db, 'eins')
    const second = await makeWorld(database.db, 'zwei')
    const { id } = await attach(first.newsletterId)
    await database.db.update(source).set({ state: 'ended', failures: 3, lastError: 'gone' })
    await attach(second.newsletterId)
    expect((await listSources(database.db, null)).find((row) => row.id === id)).toMatchObject({
      state: 'active',
      failures: 0,
    })
  })
})

describe('removing a source', () => {
  test('by id or URL takes it from one newsletter or from all', async () => {
    const first = await makeWorld(database.db, 'eins')
    const second = await makeWorld(database.db, 'zwei')
    const { id } = await attach(first.newsletterId)
    await attach(second.newsletterId)
    expect(await detachSource(database.db, FEED, first.newsletterId)).toEqual({ id, url: FEED, newsletters: ['eins'] })
    expect(await detachSource(database.db, String(id), null)).toEqual({ id, url: FEED, newsletters: ['zwei'] })
    await expect(detachSource(database.db, String(id), null)).rejects.toThrow(refusal('source.unknown'))
    expect(await listSources(database.db, null)).toEqual([])
  })
})
