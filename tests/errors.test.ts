import { Writable } from 'node:stream'
import { eq, sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { edition } from '../src/db/schema/edition.ts'
import { sendDue } from '../src/delivery/worker.ts'
import { planEdition } from '../src/editions/plan/plan.ts'
import { makeManualRequest } from '../src/editions/plan-request.ts'
import { CourantError, codeOf, reasonOf } from '../src/errors.ts'
import { main } from '../src/main.ts'
import { handClock } from './support/clock.ts'
import { openTestDatabase } from './support/database.ts'
import { senderTo } from './support/sender.ts'
import { startSink } from './support/smtp.ts'
import { makeWorld, NOON } from './support/world.ts'

const ADDRESS = 'eva.muster@example.com'

const database = await openTestDatabase()
const { db } = database
const smtp = await startSink()
afterAll(async () => {
  vi.unstubAllEnvs()
  await smtp.close()
  await database.close()
})

/** A stream that keeps what is written to it. */
function openPaper(): Writable & { readonly text: () => string } {
  const written: string[] = []
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      written.push(String(chunk))
      done()
    },
  })
  return Object.assign(stream, { text: () => written.join('') })
}

/** What the promise failed with; drizzle's own words, before anybody tidies them, name the address. */
async function failureOf(failing: Promise<unknown>): Promise<unknown> {
  const error: unknown = await failing.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(String(error)).toContain(ADDRESS)
  return error
}

describe('what an unknown error says', () => {
  test.each([
    [{ message: 'the pool is gone' }, 'the pool is gone'],
    [{ code: 'ECONNRESET' }, 'ECONNRESET'],
    [{ code: { a: 1 }, message: {} }, 'unknown error'],
    [new Error(String({})), 'Error'],
    [Object.assign(new Error(''), { code: 'EPIPE' }), 'EPIPE'],
    [new AggregateError([]), 'AggregateError'],
    [Object.create(null), 'unknown error'],
    [null, 'null'],
    [undefined, 'undefined'],
    ['text', 'text'],
  ])('is words and never [object Object]: %#', (error, said) => {
    expect(reasonOf(error)).toBe(said)
  })

  test('has the code of its cause where it has one, else its own', () => {
    const full = Object.assign(new Error('no room'), { code: '53100' })
    expect(codeOf(full)).toBe('53100')
    expect(codeOf(new Error('Failed query', { cause: full }))).toBe('53100')
    expect(codeOf(new Error('none'))).toBeNull()
    expect(codeOf('text')).toBeNull()
  })

  test('leaves out the values of the statement that failed', async () => {
    const error = await failureOf(db.execute(sql`select 1 from nowhere where email = ${ADDRESS}`))
    expect(reasonOf(error)).toBe('relation "nowhere" does not exist')
  })

  test('leaves out an address that the database itself repeats', async () => {
    const error = await failureOf(db.execute(sql`select ${ADDRESS}::bigint`))
    expect(reasonOf(error)).toBe('invalid input syntax for type bigint: "…"')
  })

  test('is that of its first cause, but a broken promise speaks for itself', () => {
    const cause = new Error('socket hang up')
    expect(reasonOf(new Error('fetch failed', { cause: new Error('no answer', { cause }) }))).toBe('socket hang up')
    expect(reasonOf(new CourantError('web.port', { what: 'Port 80 is taken.', why: 'By nginx.', cause }))).toBe(
      'Port 80 is taken. By nginx.',
    )
  })

  test('is its code where it has no words, and what was thrown where that is no error', () => {
    expect(reasonOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED')
    expect(reasonOf(new RangeError())).toBe('RangeError')
    expect(reasonOf('stopped')).toBe('stopped')
  })

  test.each([
    ['cannot write to <eva@example.com>, line 3', 'cannot write to <…>, line 3'],
    ['"eva muster"@example.com: no such box', '…: no such box'],
    ['mailto:jürgen@müller.example?subject=x', 'mailto:…'],
    ['connect smtp://user:secret@relay.example:25 failed', 'connect smtp://…:25 failed'],
    ['getaddrinfo ENOTFOUND https://example.com/@eva', 'getaddrinfo ENOTFOUND https://example.com/@eva'],
  ])('names no address: %s', (message, said) => {
    expect(reasonOf(new Error(message))).toBe(said)
  })
})

describe('where a statement fails whose values name an address', () => {
  test('neither the log nor the edition that is held says it', async () => {
    const world = await makeWorld(db)
    await world.addReaders(1)
    await world.addArticles(1)
    const { edition: planned } = await planEdition(
      db,
      makeManualRequest(world.newsletterId, null, null),
      handClock(NOON),
    )
    const editionId = planned?.id ?? 0
    // Reading the variant now fails with words of the database that repeat an address.
    await db.execute(sql`alter table edition_article rename to edition_article_kept`)
    await db.execute(
      sql.raw(`
      create view edition_article as select * from edition_article_kept where ('${ADDRESS}' || title)::bigint = 0`),
    )
    const log = openPaper()

    await sendDue(db, { ...(await senderTo(smtp.url)), log: pino(log) }, editionId, handClock(NOON))

    const [row] = await db.select().from(edition).where(eq(edition.id, editionId)).limit(1)
    expect(row).toMatchObject({ state: 'held', reason: expect.stringMatching(/^invalid input syntax for type bigint/) })
    expect(log.text()).toContain('edition.held')
    for (const said of [row?.reason, log.text()]) expect(said).not.toMatch(/@|muster|params|select/)
  })

  test('neither output of a command says it, not even where it says most', async () => {
    await db.execute(sql`alter table subscriber rename column email_key to lost`)
    vi.stubEnv('DATABASE_URL', database.url)
    vi.stubEnv('MAIL_FROM', 'Haus <haus@verlag.example>')
    vi.stubEnv('BASE_URL', 'https://news.example.org')
    vi.stubEnv('SECRET', 'x'.repeat(32))
    vi.stubEnv('LOG_LEVEL', 'trace')
    const words = ['subscriber', 'show', ADDRESS]
    for (const asked of [words, [...words, '--json']]) {
      const [out, err] = [openPaper(), openPaper()]

      expect(await main(asked, out, err), err.text()).toBe(1)

      expect(err.text()).toMatch(/column .*email_key.* does not exist/)
      expect(err.text()).toMatch(/^ {4}at /m)
      for (const said of [out.text(), err.text()]) expect(said).not.toMatch(/muster|params|select/)
    }
  })
})
