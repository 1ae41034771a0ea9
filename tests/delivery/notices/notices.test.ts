import { sql } from 'drizzle-orm'
import PostalMime from 'postal-mime'
import { beforeEach, describe, expect, test } from 'vitest'
import { type ClaimedNotice, claimNotices } from '../../../src/delivery/notices/claim-notices.ts'
import { recordNotices } from '../../../src/delivery/notices/record-notices.ts'
import { sendNotices } from '../../../src/delivery/notices/send-notices.ts'
import { writeNotice } from '../../../src/delivery/notices/write-notice.ts'
import { requeue } from '../../../src/delivery/outcome/outcome.ts'
import type { Sender } from '../../../src/delivery/worker.ts'
import { parse, textEngine } from '../../../src/digest/templates/liquid.ts'
import { openSmtp } from '../../../src/mail/smtp/open-connection.ts'
import { readLink } from '../../../src/subscribers/tokens.ts'
import { type HandClock, handClock } from '../../support/clock.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { senderTo } from '../../support/sender.ts'
import { type Sink, startSink } from '../../support/smtp.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'
import { queueConfirmations } from '../queue-confirmations.ts'

const { db } = await freshDatabase()
const sink = freshSinks()
let world: World
beforeEach(async () => {
  world = await makeWorld(db)
})

/** A worker that sends what it claimed and dies before it can say so. */
async function sendAs(sender: Sender, claimed: ClaimedNotice | undefined, clock: HandClock): Promise<void> {
  const [relay] = sender.relays
  const [from] = claimed?.asked ?? []
  if (relay === undefined || claimed === undefined || from === undefined) throw new Error('nothing was claimed')
  const connection = await openSmtp(relay)
  if ('kind' in connection) throw new Error(connection.text)
  const { envelope, octets } = await writeNotice(sender.context, claimed, from, clock.now())
  await connection.send(envelope, octets)
  await connection.close()
}

/** A template that cannot be rendered. */
const FAILING = parse(textEngine(), { name: 'mail/confirmation.txt', path: '', source: '{{ nothing.there }}' })

const ask = (count = 1, worlds: readonly World[] = [world], dueAt = NOON) =>
  queueConfirmations(db, count, worlds, dueAt)

const notices = async () =>
  (
    await db.execute(
      sql`select state, reason, attempts, ambiguous, due_at, sent_at, lease_until from notice order by id`,
    )
  ).rows

const messageIdOf = async (sink: Sink, at: number) => (await PostalMime.parse(sink.messages[at]?.raw ?? '')).messageId

describe('a notice', () => {
  test('names the schedule of its own request, whatever the current one', async () => {
    await ask()
    const schedule = { frequency: 'weekly', weekday: 3, hour: 18, zone: 'Asia/Kolkata', topicIds: [] }
    await db.execute(sql`
      update notice set payload = payload || jsonb_build_object('preferences',
        jsonb_build_object(payload -> 'subscriptionIds' ->> 0, ${JSON.stringify(schedule)}::jsonb))`)
    const smtp = await sink()
    await sendNotices(db, await senderTo(smtp.url), handClock(NOON))
    const { text = '', html = '' } = await PostalMime.parse(smtp.messages[0]?.raw ?? '')
    expect(text.replaceAll('\u00a0', ' ')).toContain('jeden Mittwoch um 18:00 (Asia/Kolkata)')
    expect(html).toContain('Asia/Kolkata')
  })

  test('is sent once when it is due, not before, and accounted for', async () => {
    const [id = 0] = await ask(1, [world], NOON.add({ minutes: 30 }))
    const smtp = await sink()
    const sender = await senderTo(smtp.url)
    const clock = handClock(NOON)
    expect(await sendNotices(db, sender, clock)).toBe(0)
    expect(smtp.connectionsSeen()).toBe(0)
    clock.advance({ minutes: 30 })
    expect(await sendNotices(db, sender, clock)).toBe(1)
    expect(await sendNotices(db, sender, clock)).toBe(0)
    expect(await notices()).toMatchObject([
      { state: 'sent', attempts: 1, ambiguous: false, lease_until: null, sent_at: expect.anything() },
    ])
    expect(smtp.messages).toHaveLength(1)
    const mail = await PostalMime.parse(smtp.messages[0]?.raw ?? '')
    expect(smtp.messages[0]?.from).toBe('redaktion@example.org')
    expect(mail.to).toEqual([{ name: '', address: 'neu0@leser.example' }])
    const token = /https:\/\/digest\.example\.org\/confirm\/([\w-]{43})/.exec(mail.text ?? '')?.[1] ?? ''
    expect(mail.html).toContain(`href="https://digest.example.org/confirm/${token}"`)
    expect(readLink(sender.context.linkKeys, 'confirm', token)).toEqual({ id, version: 1 })
  })

  test('names all newsletters that still wait for confirmation, with the schedule made for each, and no other', async () => {
    const [evening, gone, left] = [
      await makeWorld(db, 'abend'),
      await makeWorld(db, 'fort'),
      await makeWorld(db, 'verlassen'),
    ]
    await db.execute(sql`update newsletter set name = 'Der Abend' where id = ${evening.newsletterId}`)
    await db.execute(sql`update newsletter set name = 'Fort', state = 'deleted' where id = ${gone.newsletterId}`)
    await db.execute(sql`update newsletter set name = 'Verlassen' where id = ${left.newsletterId}`)
    await ask(1, [evening, gone, left, world])
    await db.execute(sql`update subscription set state = 'unsubscribed' where newsletter_id = ${left.newsletterId}`)
    const smtp = await sink()
    await sendNotices(db, await senderTo(smtp.url), handClock(NOON))
    const { text, html, from } = await PostalMime.parse(smtp.messages[0]?.raw ?? '')
    expect(from).toEqual({ name: 'Der Morgen', address: 'redaktion@example.org' })
    for (const body of [text, html]) {
      expect(body).toContain('Der Abend')
      expect(body).toContain('täglich um\u00a07:00 (Europe/Berlin)')
      expect(body).not.toMatch(/Fort|Verlassen/)
    }
    expect(text).toMatch(/\* Der Abend: .*\n\* Der Morgen: /)
    expect(text).toContain('diese 2\u00a0Newsletter')
  })

  test('nothing goes to a reader who has confirmed, unsubscribed or been suppressed in the meantime: it is skipped with the reason', async () => {
    await ask(4)
    await db.execute(sql`update subscription set state = 'active', confirmed_at = ${NOON.toString()} where id = 1`)
    await db.execute(sql`update subscription set state = 'unsubscribed' where id = 2`)
    await db.execute(sql`insert into suppression (email_hash, reason, created_at)
      select email_hash, 'complained', ${NOON.toString()} from subscriber where email like 'neu2@%'`)
    const smtp = await sink()
    expect(await sendNotices(db, await senderTo(smtp.url), handClock(NOON))).toBe(1)
    expect(smtp.messages.map((message) => message.to)).toEqual(['neu3@leser.example'])
    expect(await notices()).toMatchObject([
      { state: 'skipped', reason: 'confirmed' },
      { state: 'skipped', reason: 'unsubscribed' },
      { state: 'skipped', reason: 'suppressed' },
      { state: 'sent' },
    ])
  })

  test('shows nothing of what was typed into a form, and is text only for readers who chose plain text', async () => {
    await ask()
    await db.execute(sql`update subscriber set name = 'Gewinn! https://spam.example', format = 'plain'`)
    const smtp = await sink()
    await sendNotices(db, await senderTo(smtp.url), handClock(NOON))
    expect(smtp.messages[0]?.raw.toString()).not.toMatch(/Gewinn|spam/)
    expect((await PostalMime.parse(smtp.messages[0]?.raw ?? '')).html).toBeUndefined()
  })

  test('goes to an address that bounced only where it was asked for anew since', async () => {
    await ask(2)
    const bouncedAt = NOON.subtract({ hours: 24 * 10 }).toString()
    await db.execute(sql`insert into suppression (email_hash, reason, created_at, retried_at)
      select email_hash, 'bounced', ${bouncedAt}::timestamptz, case when email like 'neu1@%' then ${NOON.toString()}::timestamptz end
      from subscriber`)
    const smtp = await sink()
    expect(await sendNotices(db, await senderTo(smtp.url), handClock(NOON))).toBe(1)
    expect(smtp.messages.map((message) => message.to)).toEqual(['neu1@leser.example'])
    expect(await notices()).toMatchObject([{ state: 'skipped', reason: 'suppressed' }, { state: 'sent' }])
  })

  test('waits longer and longer after each deferral, and is given up 48 hours after it was asked for', async () => {
    await ask()
    const smtp = await sink({ reply: '451 4.7.1 greylisted' })
    const sender = await senderTo(smtp.url)
    const clock = handClock(NOON)
    expect(await sendNotices(db, sender, clock)).toBe(0)
    const [first] = await notices()
    expect(first).toMatchObject({ state: 'queued', attempts: 1, reason: expect.stringContaining('greylisted') })
    expect(Date.parse(String(first?.due_at))).toBeGreaterThanOrEqual(NOON.epochMilliseconds + 5 * 60_000)
    expect(await sendNotices(db, sender, clock)).toBe(0)
    expect((await notices())[0]).toMatchObject({ attempts: 1 })
    clock.advance({ hours: 47 })
    await sendNotices(db, sender, clock)
    clock.advance({ hours: 2 })
    await sendNotices(db, sender, clock)
    expect(await notices()).toMatchObject([{ state: 'failed', reason: expect.stringContaining('48 hours') }])
    expect(smtp.messages).toEqual([])
  })

  test('an unknown mailbox fails and suppresses the address; a content rejection only fails', async () => {
    await ask(2)
    const reply = ({ to }: { to: string }) => (to.startsWith('neu0') ? '550 5.1.1 unknown' : '554 5.7.1 spam')
    const smtp = await sink({ reply })
    expect(await sendNotices(db, await senderTo(smtp.url), handClock(NOON))).toBe(0)
    expect(await notices()).toMatchObject([{ state: 'failed' }, { state: 'failed' }])
    const rows = await db.execute(sql`select email, reason, evidence from suppression`)
    expect(rows.rows).toEqual([{ email: 'neu0@leser.example', reason: 'bounced', evidence: '550 5.1.1 unknown' }])
  })

  test('stays due, not tried, where no relay answers; the first one that does is taken', async () => {
    await ask()
    const smtp = await sink()
    const closed = await startSink()
    await closed.close()
    expect(await sendNotices(db, await senderTo(closed.url), handClock(NOON))).toBe(0)
    expect(await notices()).toMatchObject([{ state: 'queued', attempts: 0 }])
    expect(await sendNotices(db, await senderTo(closed.url, smtp.url), handClock(NOON))).toBe(1)
  })

  test('nothing is begun once the sending is stopped', async () => {
    await ask(3)
    const smtp = await sink()
    const stop = new AbortController()
    stop.abort()
    expect(await sendNotices(db, await senderTo(smtp.url), handClock(NOON), stop.signal)).toBe(0)
    expect(smtp.messages).toEqual([])
    expect(await notices()).toMatchObject(Array.from({ length: 3 }, () => ({ state: 'queued', attempts: 0 })))
  })

  test('a notice in transit when the sending is stopped is finished and recorded', async () => {
    await ask(15)
    const smtp = await sink()
    smtp.hold()
    const stop = new AbortController()
    const sending = sendNotices(db, await senderTo(smtp.url), handClock(NOON), stop.signal)
    await smtp.received(10)
    stop.abort()
    smtp.release()
    expect(await sending).toBe(10)
    const states = (await notices()).map(({ state }) => state)
    expect(states.filter((state) => state === 'sent')).toHaveLength(10)
    expect(states.filter((state) => state === 'queued')).toHaveLength(5)
  })

  test('whose content cannot be rendered fails with its reason, and nothing of it goes out', async () => {
    await ask()
    const smtp = await sink()
    const sender = await senderTo(smtp.url)
    const { confirmation } = sender.context.templates
    const broken = { ...sender.context.templates, confirmation: { ...confirmation, text: FAILING } }
    await sendNotices(db, { ...sender, context: { ...sender.context, templates: broken } }, handClock(NOON))
    expect(await notices()).toMatchObject([
      { state: 'failed', attempts: 1, ambiguous: false, reason: expect.stringContaining('cannot be written') },
    ])
    expect(smtp.messages).toEqual([])
  })
})

describe('workers and notices', () => {
  test('two at once send each notice once', async () => {
    await ask(60)
    const smtp = await sink()
    const sender = await senderTo(smtp.url)
    const counts = await Promise.all([
      sendNotices(db, sender, handClock(NOON)),
      sendNotices(db, sender, handClock(NOON)),
    ])
    expect(counts.reduce((sum, count) => sum + count)).toBe(60)
    expect(smtp.messages).toHaveLength(60)
    expect(new Set(smtp.messages.map((message) => message.to)).size).toBe(60)
  })

  test('one killed between content and reply: sent again after its lease, with the same Message-ID, marked as ambiguous', async () => {
    await ask()
    const smtp = await sink()
    const sender = await senderTo(smtp.url)
    const clock = handClock(NOON)
    const [dead] = await claimNotices(db, 10, clock.now())
    await sendAs(sender, dead, clock)
    expect(await sendNotices(db, sender, clock)).toBe(0)
    clock.advance({ minutes: 1 })
    expect(await sendNotices(db, sender, clock)).toBe(1)
    expect(smtp.messages).toHaveLength(2)
    expect(await messageIdOf(smtp, 0)).toBe(await messageIdOf(smtp, 1))
    expect(await messageIdOf(smtp, 0)).toMatch(/^<n-[a-z2-7]{26}@example\.org>$/)
    expect(await notices()).toMatchObject([{ state: 'sent', ambiguous: true, attempts: 2 }])
  })

  test('one that comes back after its lease writes nothing any more', async () => {
    await ask()
    const late = await claimNotices(db, 10, NOON)
    const other = await claimNotices(db, 10, NOON.add({ minutes: 1 }))
    expect(other).toHaveLength(1)
    const results = late.map((one) => ({ notice: one, outcome: requeue('late', null) }))
    expect(await recordNotices(db, results, NOON.add({ minutes: 1 }))).toEqual(new Set())
    expect(await notices()).toMatchObject([{ state: 'sending', ambiguous: true }])
  })

  test('a relay that dies before its reply: the next copy has the same Message-ID and the notice is flagged', async () => {
    await ask()
    const smtp = await sink({ dropBeforeReply: (count) => count === 1 })
    expect(await sendNotices(db, await senderTo(smtp.url), handClock(NOON))).toBe(1)
    expect(await messageIdOf(smtp, 0)).toBe(await messageIdOf(smtp, 1))
    expect(await notices()).toMatchObject([{ state: 'sent', ambiguous: true, attempts: 2 }])
  })

  test('with a domain whose mail reaches Courant the envelope sender names the notice', async () => {
    await ask()
    const smtp = await sink()
    const sender = await senderTo(smtp.url)
    const context = { ...sender.context, inboundDomain: 'in.example.net' }
    await sendNotices(db, { ...sender, context }, handClock(NOON))
    const name = (await messageIdOf(smtp, 0))?.slice(1).split('@')[0]
    expect(smtp.messages[0]?.from).toBe(`b-${name}@in.example.net`)
  })
})
