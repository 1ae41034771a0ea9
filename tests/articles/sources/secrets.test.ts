import { eq } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import { collectSources } from '../../../src/articles/collect.ts'
import { attachSource, detachSource } from '../../../src/articles/sources/attach.ts'
import { changeSource } from '../../../src/articles/sources/change-source.ts'
import { encryptSecrets } from '../../../src/articles/sources/encrypt-secrets.ts'
import { importFeeds } from '../../../src/articles/sources/import-opml.ts'
import { openSecretCipher, openSecrets, type SecretCipher } from '../../../src/articles/sources/secrets.ts'
import { readConfig } from '../../../src/config/config.ts'
import { source } from '../../../src/db/schema/source.ts'
import { CourantError, maskUrl, reasonOf } from '../../../src/errors.ts'
import { handClock } from '../../support/clock.ts'
import { writeRss } from '../../support/feeds.ts'
import { freshDatabase, openFeeds } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'

const OLD = 'o'.repeat(32)
const NEW = 'n'.repeat(32)
const cipher = openSecretCipher([OLD])
const { db } = await freshDatabase()
const feeds = await openFeeds()
let newsletterId: number
let sourceId: number
beforeEach(async () => {
  newsletterId = (await makeWorld(db)).newsletterId
  const wanted = { url: feeds.url('/feed'), newsletterId, backfillDays: null, allowPrivate: true }
  sourceId = (await attachSource(db, wanted, NOON)).id
  feeds.set('/feed', writeRss([]))
})

const SECRETS = { username: 'anna', password: 'gehéim', headers: ['X-Key: k1'] }
const give = (change = SECRETS, by = cipher) => changeSource(db, String(sourceId), change, true, by)
const collect = (by: SecretCipher) =>
  collectSources(db, {
    ...{ sourceIds: [sourceId], clock: handClock(NOON), userAgent: 'test', allowPrivate: true, cipher: by },
  })
const findKept = async () => {
  const [row] = await db.select().from(source).where(eq(source.id, sourceId))
  if (row === undefined) throw new Error('the source is gone')
  return row
}
const keepInClear = (password: string) =>
  db
    .update(source)
    .set({ username: 'anna', password, headers: { 'x-key': 'k1' } })
    .where(eq(source.id, sourceId))
const basic = (password: string) => `Basic ${Buffer.from(`anna:${password}`).toString('base64')}`

describe('the secrets of a source', () => {
  test('are encrypted in the database, each time otherwise, and sent as they were given', async () => {
    await give()
    const kept = await findKept()
    expect(kept.password).toMatch(/^v1:[\w-]{16}:[\w-]{22}:[\w-]+$/)
    expect(kept.headers).toEqual({ 'x-key': expect.stringMatching(/^v1:/) })
    await collect(cipher)
    expect(feeds.asked.at(-1)?.headers).toMatchObject({ authorization: basic('gehéim'), 'x-key': 'k1' })
    await give()
    expect((await findKept()).password).not.toBe(kept.password)
  })

  test('that were kept in clear are read still, and encrypted when something of them is written', async () => {
    await keepInClear('geheim')
    await collect(cipher)
    expect(feeds.asked.at(-1)?.headers).toMatchObject({ authorization: basic('geheim'), 'x-key': 'k1' })
    await changeSource(db, String(sourceId), { userAgent: 'Agent' }, true, cipher)
    const kept = await findKept()
    expect(JSON.stringify(kept)).not.toMatch(/geheim|"k1"/)
    expect(openSecrets(kept, cipher)).toEqual({ password: 'geheim', headers: { 'x-key': 'k1' } })
  })

  test('are encrypted all at once where they were kept in clear, and that is done once', async () => {
    await keepInClear('geheim')
    expect(await encryptSecrets(db, cipher)).toBe(1)
    expect(await encryptSecrets(db, cipher)).toBe(0)
    expect(openSecrets(await findKept(), cipher)).toEqual({ password: 'geheim', headers: { 'x-key': 'k1' } })
  })

  test('are encrypted by a new SECRET, after which the old one may be left out', async () => {
    await give()
    expect(await encryptSecrets(db, openSecretCipher([NEW, OLD]))).toBe(1)
    await collect(openSecretCipher([NEW]))
    expect(feeds.asked.at(-1)?.headers).toMatchObject({ authorization: basic('gehéim') })
  })

  test('under a SECRET that is gone are a failure of that source, which says what to do', async () => {
    await give()
    const asked = feeds.asked.length
    expect(await collect(openSecretCipher([NEW]))).toMatchObject({ failed: 1 })
    expect((await findKept()).lastError).toMatch(
      /^The password or a header of the source cannot be decrypted\. SECRET is/,
    )
    expect(feeds.asked).toHaveLength(asked)
    expect(await encryptSecrets(db, openSecretCipher([NEW]))).toBe(0)
    await give({ ...SECRETS, password: 'neu' }, openSecretCipher([NEW]))
    expect(await collect(openSecretCipher([NEW]))).toMatchObject({ failed: 0 })
  })

  test.each(['', 'v1:', 'v1:a:b:c', 'ü\u{1f511}', 'x'.repeat(4_000)])('come back as they were: %j', (text) => {
    const kept = cipher.encrypt(text)
    expect(cipher.decrypt(kept)).toBe(text)
    const torn = kept.slice(0, 10) + (kept[10] === 'A' ? 'B' : 'A') + kept.slice(11)
    expect(() => cipher.decrypt(torn)).toThrow(expect.objectContaining({ code: 'source.secret' }))
  })
})

describe('no message repeats a password', () => {
  const failure = async (doing: Promise<unknown>) => {
    const error = await doing.then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(CourantError)
    return error instanceof CourantError ? `${error.message} ${error.todo}` : ''
  }
  const wanted = (url: string) => ({ url, newsletterId, backfillDays: 0, allowPrivate: false, cipher })

  test.each([
    'https//anna:geheim@kurier.example/feed',
    'https://anna:ge/heim@kurier.example/feed',
    'anna:geheim@kurier.example',
    'ftp://anna:geheim@kurier.example/feed',
  ])('of a source that cannot be added as %s', async (url) => {
    expect(await failure(attachSource(db, wanted(url), NOON))).not.toMatch(/heim/)
    expect(await failure(changeSource(db, url, { userAgent: 'x' }, true))).not.toMatch(/heim/)
  })

  test('of a source that is not there, and one that is there is found by such an address', async () => {
    const unknown = 'https://anna:geheim@nobody.example/feed'
    expect(await failure(changeSource(db, unknown, { userAgent: 'x' }, true))).not.toMatch(/heim|anna/)
    expect(await failure(detachSource(db, unknown, null))).not.toMatch(/heim|anna/)
    const known = feeds.url('/feed').replace('://', '://anna:geheim@')
    expect(await changeSource(db, known, { userAgent: 'x' }, true)).toMatchObject({ id: sourceId })
    expect(await detachSource(db, known, null)).toMatchObject({ id: sourceId })
  })

  test('of a feed of a list that is refused, or known', async () => {
    const list = ['https://anna:geheim@10.0.0.1/feed', 'https://anna@kurier.example/feed', 'https://anna:ge heim@x y/']
    const imported = await Array.fromAsync(
      importFeeds(
        db,
        [...list, ...list].map((url) => ({ url, title: null })),
        wanted(''),
        NOON,
      ),
    )
    expect(imported.map(({ outcome }) => outcome)).toEqual(Array(6).fill('refused'))
    expect(JSON.stringify(imported)).not.toMatch(/heim|anna/)
  })

  test('of an address in an unknown error, or of a setting that is wrong', () => {
    expect(reasonOf(new Error('cannot reach https://anna:ge:heim@kurier.example/feed now'))).not.toMatch(/heim|anna/)
    try {
      readConfig({ BASE_URL: 'ftp://anna:geheim@kurier.example', SECRET: OLD })
      expect.unreachable()
    } catch (error) {
      expect(String(error)).toContain('BASE_URL')
      expect(String(error)).not.toMatch(/heim|anna/)
    }
  })

  test('and what is no password is shown', () => {
    expect(maskUrl('https://kurier.example/@anna?q=a@b')).toBe('https://kurier.example/@anna?q=a@b')
    expect(maskUrl('https://anna:x@kurier.example/feed')).toBe('https://…@kurier.example/feed')
    expect(maskUrl('kurier')).toBe('kurier')
  })
})
