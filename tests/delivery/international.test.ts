import { sql } from 'drizzle-orm'
import PostalMime from 'postal-mime'
import { describe, expect, test } from 'vitest'
import { sendNotices } from '../../src/delivery/notices/send-notices.ts'
import { sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { changeNewsletter } from '../support/newsletters.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import { makeWorld, NOON } from '../support/world.ts'
import { startScriptedRelay } from './hostile-sending.ts'
import { queueConfirmations } from './queue-confirmations.ts'

const { db } = await freshDatabase()
const sink = freshSinks()

/** An edition for a reader of each kind, by a newsletter with these fields. */
async function plan(fields: Record<string, string>): Promise<number> {
  const world = await makeWorld(db)
  await changeNewsletter(db, 'morgen', fields, NOON)
  for (const locale of ['de', 'en'] as const)
    for (const format of ['html', 'plain'] as const) await world.addReaders(1, { locale, format })
  await db.execute(sql`update subscriber set name = 'Zoë "Zo", Müller' where locale = 'de'`)
  await world.addArticles(2)
  return planByHand(db, world)
}

/** Sends it to a relay that knows no SMTPUTF8, and returns the heads of the mails. */
async function sendAll(edition: number): Promise<readonly string[]> {
  const smtp = await sink({ smtpUtf8: false })
  await sendEdition(db, await senderTo(smtp.url), edition, handClock(NOON))
  expect(await countDeliveries(db, edition)).toMatchObject({ planned: 4, sent: 4, failed: 0 })
  expect(smtp.messages).toHaveLength(4)
  return smtp.messages.map(({ raw }) => {
    expect(raw.toString('latin1')).toMatch(/^[\t\r\n\x20-\x7e]*$/)
    return raw.toString('latin1').split('\r\n\r\n', 1)[0] ?? ''
  })
}

/** The value of a header, its lines joined. */
const headerOf = (head: string, name: string) =>
  new RegExp(`^${name}:(.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(head)?.[1]?.replace(/\r\n/g, '').trim()

describe('a newsletter whose domain has an umlaut', () => {
  test('is sent, with A-labels in every header', async () => {
    const edition = await plan({ from: 'Bücher Müller <news@müller.de>', replyTo: 'antwort@grüße.müller.de' })
    for (const head of await sendAll(edition)) {
      expect(headerOf(head, 'From')).toMatch(/<news@xn--mller-kva\.de>$/)
      expect(headerOf(head, 'Reply-To')).toBe('antwort@xn--gre-6ka8l.xn--mller-kva.de')
      expect(headerOf(head, 'Message-ID')).toMatch(/^<[a-z2-7]{16}-[a-z2-7]{26}@xn--mller-kva\.de>$/)
      expect(headerOf(head, 'List-Id')).toBe('<morgen.xn--mller-kva.de>')
      expect(headerOf(head, 'List-Unsubscribe')).toContain('<mailto:antwort@xn--gre-6ka8l.xn--mller-kva.de?subject=')
      expect(headerOf(head, 'Feedback-ID')).toMatch(/:xn--mller-kva\.de$/)
    }
  })

  test('asks for confirmation as well', async () => {
    const world = await makeWorld(db)
    await changeNewsletter(db, 'morgen', { from: 'news@müller.de', replyTo: 'post@müller.de' }, NOON)
    await queueConfirmations(db, 1, [world])
    const { relay, sender } = await startScriptedRelay()
    expect(await sendNotices(db, sender, handClock(NOON))).toBe(1)
    expect(relay.lines).toContainEqual(expect.stringMatching(/^MAIL FROM:<news@xn--mller-kva\.de>/))
    const [content = ''] = relay.contents
    expect(content).toMatch(/^[\t\r\n\x20-\x7e]*$/)
    expect(content).toMatch(/^Message-ID: <n-[a-z2-7]+@xn--mller-kva\.de>\r$/im)
  })
})

describe('who sends and who is answered', () => {
  test.each([
    'Müller, Söhne & Co.',
    'O’Neill; "Die" Zeitung',
    'news@example.org',
    '日本の新聞',

    "a'b\\c",
  ])('keep their names: %s', async (name) => {
    const edition = await plan({})
    await db.execute(sql`update newsletter set from_name = ${name}`)
    for (const head of await sendAll(edition))
      expect((await PostalMime.parse(`${head}\r\n\r\n`)).from?.name?.replace(/^"|"$/g, '')).toBe(name)
  })

  test('put no line of theirs into a mail', async () => {
    const edition = await plan({})
    await db.execute(sql`update newsletter set from_name = ${'Morgen\r\nBcc: x@example.org'}`)
    await db.execute(sql`update subscriber set name = ${'Zoë\r\nBcc: x@example.org'}`)
    for (const head of await sendAll(edition)) {
      const { from, to, bcc } = await PostalMime.parse(`${head}\r\n\r\n`)
      expect([from?.name, to?.[0]?.name, bcc]).toEqual([
        'Morgen Bcc: x@example.org',
        'Zoë Bcc: x@example.org',
        undefined,
      ])
    }
  })

  test('have addresses that may hold what ends one in a URL', async () => {
    const edition = await plan({ replyTo: 'a?b&c%d#e@example.org' })
    for (const head of await sendAll(edition)) {
      expect(headerOf(head, 'List-Unsubscribe')).toMatch(
        /<mailto:a%3Fb%26c%25d%23e@example\.org\?subject=unsubscribe%20[\w-]{43}>$/,
      )
      expect(headerOf(head, 'Reply-To')).toBe('a?b&c%d#e@example.org')
    }
  })
})

describe('an address that only SMTPUTF8 could carry', () => {
  test.each(['from_address', 'reply_to'])('holds the edition instead of failing it: %s', async (column) => {
    const edition = await plan({})
    await db.execute(sql`update newsletter set ${sql.identifier(column)} = 'grüße@example.org'`)
    const smtp = await sink()
    await sendEdition(db, await senderTo(smtp.url), edition, handClock(NOON))
    expect(smtp.messages).toEqual([])
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 4, queued: 4, failed: 0 })
    const rows = await db.execute(sql`select state, reason from edition`)
    expect(rows.rows).toEqual([{ state: 'held', reason: expect.stringContaining('letters beyond ASCII') }])
  })
})
