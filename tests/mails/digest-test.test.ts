import { eq, sql } from 'drizzle-orm'
import PostalMime from 'postal-mime'
import { beforeEach, describe, expect, test } from 'vitest'
import { newsletter } from '../../src/db/schema/newsletter.ts'
import { sendTest, type TestOptions } from '../../src/delivery/test-mail.ts'
import { addressKey } from '../../src/mail/addresses/address.ts'
import { hashAddress, readHashKey } from '../../src/subscribers/consent.ts'
import { readLink } from '../../src/subscribers/tokens.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import type { Sink } from '../support/smtp.ts'
import { makeWorld, NOON, type World } from '../support/world.ts'
import { dump } from '../web/site.ts'

const { db } = await freshDatabase()
const sink = freshSinks()
let world: World
beforeEach(async () => {
  world = await makeWorld(db)
})

async function sendOne(smtp: Sink, options: TestOptions) {
  const [of] = await db.select().from(newsletter).where(eq(newsletter.id, world.newsletterId)).limit(1)
  if (of === undefined) throw new Error('there is no newsletter')
  return sendTest(db, await senderTo(smtp.url), of, options, handClock(NOON))
}

const mailOf = (smtp: Sink, at = 0) => PostalMime.parse(smtp.messages[at]?.raw ?? '')

const EDITOR = 'redaktion@verlag.example'

describe('digest test', () => {
  test('sends the next digest of everyone, marked in subject, header and first line, and changes no row', async () => {
    await world.addArticles(3)
    const smtp = await sink()
    const before = await dump(db)
    const report = await sendOne(smtp, { to: EDITOR })
    expect(await dump(db)).toEqual(before)
    const mail = await mailOf(smtp)
    expect(report).toEqual({
      sent: true,
      to: EDITOR,
      subject: mail.subject,
      messageId: mail.messageId,
      articles: 3,
    })
    expect(smtp.messages[0]).toMatchObject({ from: 'redaktion@example.org', to: EDITOR })
    expect(mail.subject).toMatch(/^\[Test\] Nachricht Nummer \d – Der Morgen$/)
    expect(mail.headers.find((header) => header.key === 'courant-test')?.value).toBe('yes')
    expect(mail.text).toMatch(/^Dies ist ein Test: So sähe die nächste Ausgabe für alle aus/)
    expect(mail.html).toContain('Dies ist ein Test: So sähe die nächste Ausgabe für alle aus')
    expect(mail.text).toContain(`Gesendet an ${EDITOR}`)
  })

  test('of a subscriber has their topics, language and reasons, and says whose it is', async () => {
    const topicId = await world.addTopic('Hafen')
    await world.addReaders(1, { topics: [topicId], locale: 'en' })
    await world.addArticles(2)
    await world.addArticles(1, [topicId])
    const smtp = await sink()
    const report = await sendOne(smtp, { to: EDITOR, subscriber: 'Leser1@morgen.example' })
    expect(report).toMatchObject({ sent: true, articles: 1 })
    const mail = await mailOf(smtp)
    expect(mail.text).toMatch(/^This is a test of the next edition, as leser1@morgen\.example would get\s+it\./)
    expect(mail.text).toContain('Nachricht Nummer 3')
    expect(mail.text).not.toContain('Nachricht Nummer 2')
    expect(mail.to).toEqual([{ name: '', address: EDITOR }])
  })

  test('its links act on nobody', async () => {
    await world.addReaders(1)
    await world.addArticles(1)
    const smtp = await sink()
    await sendOne(smtp, { to: EDITOR, subscriber: 'leser1@morgen.example' })
    const { text } = await mailOf(smtp)
    const tokens = [...(text ?? '').matchAll(/\/([\w-]{43})\b/g)].map(([, token]) => token ?? '')
    expect(tokens).toHaveLength(1)
    const { context } = await senderTo(smtp.url)
    const known = await db.execute<{ id: number }>(sql`select id from subscription`)
    for (const token of tokens) {
      const subject = readLink(context.linkKeys, 'unsubscribe', token)
      expect(known.rows.map((row) => row.id)).not.toContain(subject?.id)
    }
  })

  test('when nothing is new it shows the newest articles and says so; when there is none nothing is sent', async () => {
    const smtp = await sink()
    expect(await sendOne(smtp, { to: EDITOR })).toEqual({
      sent: false,
      to: EDITOR,
      reason: 'There is no article to show yet.',
      articles: 0,
    })
    await world.addReaders(1)
    await world.addArticles(15)
    await planByHand(db, world)
    expect(await sendOne(smtp, { to: EDITOR })).toMatchObject({ sent: true, articles: 12 })
    const { text } = await mailOf(smtp)
    expect(text?.replace(/\s+/g, ' ')).toContain('Neu ist zurzeit nichts; gezeigt werden die neuesten Artikel.')
    expect(text).toContain('Nachricht Nummer 15')
  })

  test('two tests are two mails, each with a Message-ID of its own', async () => {
    await world.addArticles(1)
    const smtp = await sink()
    await sendOne(smtp, { to: EDITOR })
    await sendOne(smtp, { to: EDITOR })
    expect((await mailOf(smtp, 0)).messageId).not.toBe((await mailOf(smtp, 1)).messageId)
  })

  test('what is no address, not subscribed, suppressed or refused by the relay is said, without repeating the address', async () => {
    await world.addArticles(1)
    const smtp = await sink({ reply: ({ to }) => `550 5.7.1 <${to}> is not welcome` })
    await expect(sendOne(smtp, { to: 'two@example.org, three@example.org' })).rejects.toMatchObject({ code: 'usage' })
    await expect(sendOne(smtp, { to: 'a@example.org\r\nBcc: b@example.org' })).rejects.toMatchObject({ code: 'usage' })
    await expect(sendOne(smtp, { to: EDITOR, subscriber: 'nobody@example.org' })).rejects.toMatchObject({
      code: 'subscriber.unknown',
    })
    await expect(sendOne(smtp, { to: EDITOR })).rejects.toMatchObject({
      code: 'test.refused',
      message: expect.stringMatching(/^(?!.*verlag).*not welcome/),
    })
    const hash = hashAddress(await readHashKey(db), addressKey(EDITOR))
    await db.execute(sql`insert into suppression (email_hash, reason, created_at)
      values (${hash}, 'complained', ${NOON.toString()})`)
    expect(await sendOne(smtp, { to: EDITOR })).toMatchObject({ sent: false, reason: 'The address is suppressed.' })
  })
})
