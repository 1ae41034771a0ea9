import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { sendDigest } from '../../src/commands/digests/send.ts'
import { readConfig } from '../../src/config/config.ts'
import { CourantError } from '../../src/errors.ts'
import { handClock } from '../support/clock.ts'
import { contextOf } from '../support/command-line.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db } = await freshDatabase()
const sink = freshSinks()

type Answer = { readonly report: unknown; readonly error: CourantError | null }

/** What `digest send` answers where an article is new to three readers, and the error it ends with. */
async function sendTo(url: string, fromAddress = 'news@example.org', key?: string): Promise<Answer> {
  const world = await makeWorld(db)
  await db.execute(sql`update newsletter set from_address = ${fromAddress}`)
  await world.addReaders(3)
  await world.addArticles(1)
  return sendAgain(url, key)
}

/** The same without more articles. */
async function sendAgain(url: string, key?: string): Promise<Answer> {
  const config = readConfig({ SECRET: 'x'.repeat(32), SMTP_URL: `${url}?connections=1`, BASE_URL: 'https://müller.de' })
  const reports: unknown[] = []
  const context = contextOf(
    { db, config, clock: handClock(NOON) },
    (result) => reports.push(result),
    () => {},
  )
  try {
    await sendDigest(context, 'morgen', key === undefined ? {} : { key })
    return { report: reports[0], error: null }
  } catch (error) {
    if (!(error instanceof CourantError)) throw error
    return { report: reports[0], error }
  }
}

describe('digest send', () => {
  test('fails, behind its report, when every delivery failed', async () => {
    const smtp = await sink({ reply: '550 5.7.1 not you', stage: 'rcpt' })
    const { report, error } = await sendTo(smtp.url)
    expect(report).toMatchObject({ planned: 3, failed: 3, sent: 0 })
    expect(error).toMatchObject({
      code: 'edition.failed',
      what: expect.stringMatching(/^Edition \d+ reached nobody: all 3 deliveries failed\.$/),
      todo: expect.stringMatching(/edition show \d+/),
    })
  })

  test('does not fail where one of them got through', async () => {
    const smtp = await sink({ reply: ({ count }) => (count === 1 ? null : '550 5.7.1 not you') })
    expect(await sendTo(smtp.url)).toMatchObject({ report: { sent: 1, failed: 2 }, error: null })
  })

  test('does not fail where all of them wait', async () => {
    const smtp = await sink({ reply: '451 4.7.1 later' })
    expect(await sendTo(smtp.url)).toMatchObject({ report: { sent: 0, deferred: 3 }, error: null })
  })

  test('fails where the edition is held, and says why', async () => {
    const slow = await sink({ reply: '451 4.7.1 later' })
    await sendTo(slow.url, undefined, 'heute')
    await db.execute(sql`update edition set state = 'held', reason = 'Line 12 is wrong.'`)
    const again = await sendAgain(slow.url, 'heute')
    expect(again).toMatchObject({ report: { deferred: 3 }, error: { code: 'edition.held', why: 'Line 12 is wrong.' } })
  })

  test('plans nothing where no relay could take the messages, and says why', async () => {
    const smtp = await sink()
    const { report, error } = await sendTo(smtp.url, 'grüße@example.org')
    expect(report).toBeUndefined()
    expect(error).toMatchObject({ code: 'mail.header-not-ascii', why: expect.stringContaining('before the @') })
    expect((await db.execute(sql`select from edition`)).rows).toEqual([])
  })

  test('reaches readers from pages whose domain has an umlaut', async () => {
    const smtp = await sink({ smtpUtf8: false })
    expect(await sendTo(smtp.url)).toMatchObject({ report: { sent: 3 }, error: null })
    expect(smtp.messages[0]?.raw.toString()).toContain('<https://xn--mller-kva.de/archive/morgen>')
  })
})
