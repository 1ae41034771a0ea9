import { createServer } from 'node:net'
import { sql } from 'drizzle-orm'
import PostalMime from 'postal-mime'
import { describe, expect, test } from 'vitest'
import { clockFrom } from '../../src/clock.ts'
import { claimDue } from '../../src/delivery/claim.ts'
import { leaseBatch } from '../../src/delivery/lease.ts'
import { recordResults } from '../../src/delivery/results/record-results.ts'
import { sendDue, sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import { listReasons } from '../../src/editions/reports/reasons.ts'
import { fastClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import { startSink } from '../support/smtp.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db } = await freshDatabase()
const sink = freshSinks()

async function plan(readers: number, articles = 3): Promise<number> {
  const world = await makeWorld(db)
  await world.addReaders(readers)
  await world.addArticles(articles)
  return planByHand(db, world)
}

const states = async () =>
  (await db.execute<{ state: string; n: number }>(sql`select state, count(*) as n from delivery group by 1 order by 1`))
    .rows

describe('sending', () => {
  test('each reader gets one message, addressed to them alone, and the edition is finished', async () => {
    const edition = await plan(120)
    const smtp = await sink()
    await sendEdition(db, await senderTo(smtp.url), edition, clockFrom(NOON))
    expect(new Set(smtp.messages.map((message) => message.to)).size).toBe(120)
    expect(smtp.messages).toHaveLength(120)
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 120, sent: 120, queued: 0, sending: 0 })
    const rows = await db.execute(sql`select state from edition`)
    expect(rows.rows).toEqual([{ state: 'finished' }])
    const mail = await PostalMime.parse(smtp.messages[0]?.raw ?? '')
    expect(mail.to).toEqual([{ name: '', address: smtp.messages[0]?.to }])
    const headers = new Map(mail.headers.map((header) => [header.key, header.value]))
    expect(headers.get('list-id')).toBe('<morgen.example.org>')
    expect(headers.get('list-unsubscribe')).toMatch(
      /^<https:\/\/digest\.example\.org\/unsubscribe\/[\w-]{43}>, <mailto:redaktion@example\.org\?subject=unsubscribe%20[\w-]{43}>$/,
    )
    expect(headers.get('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click')
    expect(headers.get('list-archive')).toBe('<https://digest.example.org/archive/morgen>')
    expect(headers.get('precedence')).toBe('bulk')
    expect(mail.messageId).toMatch(/^<[a-z2-7]{16}-[a-z2-7]{26}@example\.org>$/)
    expect(new Set(smtp.messages.map((message) => /^Message-ID: .*$/im.exec(message.raw.toString())?.[0])).size).toBe(
      120,
    )
    expect(mail.text).toContain('Nachricht Nummer 3')
    expect(mail.html).toContain('Nachricht Nummer 1')
  })

  test('a reader who may not be mailed any more is skipped with the reason, and the counts add up', async () => {
    const edition = await plan(5)
    await db.execute(sql`update subscription set state = 'unsubscribed' where id = (select min(id) from subscription)`)
    await db.execute(sql`insert into suppression (email_hash, reason, created_at)
      select email_hash, 'complained', now() from subscriber where id = (select max(id) from subscriber)`)
    const smtp = await sink()
    await sendEdition(db, await senderTo(smtp.url), edition, clockFrom(NOON))
    expect(smtp.messages).toHaveLength(3)
    expect(await countDeliveries(db, edition)).toMatchObject({
      planned: 5,
      sent: 3,
      skipped: 1,
      suppressed: 1,
      queued: 0,
    })
    const reasons = await db.execute(sql`select state, reason from delivery where state <> 'sent' order by state`)
    expect(reasons.rows).toEqual([
      { state: 'skipped', reason: 'unsubscribed' },
      { state: 'suppressed', reason: 'suppressed' },
    ])
  })

  test('4xx defers with the relay’s reply, 5xx fails, an unknown mailbox is suppressed and its watermark given back', async () => {
    const edition = await plan(4)
    const replies = ['451 4.7.1 try later', '550 5.1.1 no such user', '550 5.7.1 content rejected']
    const smtp = await sink({ reply: ({ to }) => replies[Number(/\d+/.exec(to)?.[0]) - 1] ?? null })
    await sendEdition(db, await senderTo(smtp.url), edition, clockFrom(NOON))
    const rows = await db.execute<{ state: string; reply: string; own: number | null; wait: number | null }>(sql`
      select d.state, d.reply, s.seen_entry_id as own, extract(epoch from d.retry_at - d.first_tried_at)::integer as wait
      from delivery d join subscription s on s.id = d.subscription_id order by d.subscriber_id`)
    expect(rows.rows.map(({ state, own }) => [state, own])).toEqual([
      ['deferred', null],
      ['failed', 0],
      ['failed', 0],
      ['sent', null],
    ])
    expect(rows.rows[0]?.reply).toContain('try later')
    expect(rows.rows[0]?.wait).toBeGreaterThanOrEqual(300)
    const suppressed = await db.execute(sql`select reason, evidence from suppression`)
    expect(suppressed.rows).toEqual([{ reason: 'bounced', evidence: expect.stringContaining('no such user') }])
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 4, sent: 1, deferred: 1, failed: 2 })
    const state = await db.execute(
      sql`select e.state, s.due_at > now() - interval '1000 years' as due from edition e join batch s on s.edition_id = e.id`,
    )
    expect(state.rows).toEqual([{ state: 'sending', due: true }])
  })

  test('a deferred delivery is sent when its time has come, not before', async () => {
    const edition = await plan(1)
    let busy = true
    const smtp = await sink({ reply: () => (busy ? '451 4.3.0 busy' : null) })
    const sender = await senderTo(smtp.url)
    await sendEdition(db, sender, edition, clockFrom(NOON))
    busy = false
    await sendEdition(db, sender, edition, clockFrom(NOON.add({ minutes: 4 })))
    expect(smtp.messages).toHaveLength(0)
    await sendEdition(db, sender, edition, clockFrom(NOON.add({ minutes: 10 })))
    expect(smtp.messages).toHaveLength(1)
    expect(await states()).toEqual([{ state: 'sent', n: 1 }])
  })

  test('a connection that drops every few messages loses and repeats nothing', async () => {
    const edition = await plan(60)
    const smtp = await sink({ dropAfter: 7 })
    await sendEdition(db, await senderTo(`${smtp.url}?connections=3`), edition, clockFrom(NOON))
    expect(smtp.messages).toHaveLength(60)
    expect(new Set(smtp.messages.map((message) => message.to)).size).toBe(60)
    expect(await states()).toEqual([{ state: 'sent', n: 60 }])
  })

  test('a relay that dies between content and reply is tried again with the same Message-ID, flagged ambiguous', async () => {
    const edition = await plan(3)
    const smtp = await sink({ dropBeforeReply: (count) => count === 2 })
    await sendEdition(db, await senderTo(`${smtp.url}?connections=1`), edition, clockFrom(NOON))
    expect(smtp.messages).toHaveLength(4)
    const ids = smtp.messages.map((message) => /^Message-ID: .*$/im.exec(message.raw.toString())?.[0])
    expect(new Set(ids).size).toBe(3)
    const flagged = await db.execute(sql`select count(*) as n from delivery where ambiguous and state = 'sent'`)
    expect(flagged.rows).toEqual([{ n: 1 }])
  })

  test('a relay that takes each message and closes the connection is paused, and a reader gets two copies at most', async () => {
    const edition = await plan(8)
    const smtp = await sink({ dropBeforeReply: () => true })
    const sender = await senderTo(`${smtp.url}?connections=2`)
    await sendEdition(db, sender, edition, fastClock(NOON, 100))
    expect(smtp.messages.length).toBeLessThan(16)
    expect(await states()).toContainEqual(expect.objectContaining({ state: 'deferred' }))
    for (let hour = 1; hour <= 72; hour++)
      await sendEdition(db, sender, edition, fastClock(NOON.add({ hours: hour }), 100))
    const copies = Map.groupBy(smtp.messages, ({ raw }) => /^Message-ID: .*$/im.exec(raw.toString())?.[0])
    expect(copies.size).toBe(8)
    expect(Math.max(...[...copies.values()].map(({ length }) => length))).toBe(2)
    const ends = await db.execute(sql`select distinct state, ambiguous, reason from delivery`)
    const reason = expect.stringContaining('for the second time')
    expect(ends.rows).toEqual([{ state: 'sent', ambiguous: true, reason }])
    expect(await listReasons(db, edition)).toEqual([
      expect.objectContaining({ state: 'sent', deliveries: 8, ambiguous: 8 }),
    ])
  })

  test.each([30, 1])('a relay that cannot be reached defers everything and counts as no attempt: %i', async (n) => {
    const edition = await plan(n)
    const smtp = await startSink()
    await smtp.close()
    await sendEdition(db, await senderTo(`${smtp.url}?connections=4`), edition, fastClock(NOON, 20))
    const rows = await db.execute(sql`select state, attempts, count(*) as n from delivery group by 1, 2`)
    expect(rows.rows).toEqual([{ state: 'deferred', attempts: 0, n }])
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: n, deferred: n, queued: 0, sending: 0 })
  })
})

describe('a message that hangs in the relay', () => {
  test('keeps its own connection busy, and none of the others from what becomes due meanwhile', async () => {
    const clock = clockFrom(NOON)
    await plan(1)
    const smtp = await sink()
    smtp.hold()
    const sending = sendDue(db, await senderTo(`${smtp.url}?connections=2`), null, clock)
    await smtp.received(1)
    const other = await makeWorld(db, 'abend')
    await other.addReaders(1)
    await other.addArticles(1)
    await planByHand(db, other, clock)
    await smtp.received(2)
    smtp.release()
    await sending
    expect(await states()).toEqual([{ state: 'sent', n: 2 }])
  })
})

describe('a batch taken over', () => {
  test('queues again what its dead worker had claimed, and records outcomes of the dead worker only where no other has begun the message again', async () => {
    const edition = await plan(10)
    const dead = await leaseBatch(db, 'dead', null, NOON)
    if (dead === null) throw new Error('nothing was leased')
    const claimed = await claimDue(db, dead, 4, NOON)
    expect(claimed).toHaveLength(4)
    expect(await leaseBatch(db, 'early', null, NOON.add({ seconds: 14 }))).toBeNull()
    const next = await leaseBatch(db, 'next', null, NOON.add({ seconds: 16 }))
    expect(await states()).toEqual([{ state: 'queued', n: 10 }])
    if (next === null) throw new Error('nothing was leased')
    expect(next.token).toBeGreaterThan(dead.token)
    expect((await claimDue(db, next, 3, NOON)).map(({ seq }) => seq)).toEqual([1, 2, 3])
    const outcome = {
      state: 'sent',
      reason: null,
      reply: '250',
      retryAt: null,
      ambiguous: false,
      suppress: false,
      notAttempted: false,
      pausesRelay: false,
    } as const
    const refused = await recordResults(
      db,
      claimed.map((one) => ({ claimed: one, outcome })),
      NOON,
    )
    expect(refused).toHaveLength(4)
    expect(await claimDue(db, dead, 4, NOON)).toEqual([])
    expect(await recordResults(db, refused, NOON)).toHaveLength(4)
    expect(await countDeliveries(db, edition)).toMatchObject({ queued: 6, sent: 1, sending: 3 })
  })

  test('an outcome written twice is counted once', async () => {
    const edition = await plan(2)
    const lease = await leaseBatch(db, 'worker', null, NOON)
    if (lease === null) throw new Error('nothing was leased')
    const claimed = await claimDue(db, lease, 2, NOON)
    const outcome = {
      state: 'sent',
      reason: null,
      reply: '250',
      retryAt: null,
      ambiguous: false,
      suppress: false,
      notAttempted: false,
      pausesRelay: false,
    } as const
    const results = claimed.map((one) => ({ claimed: one, outcome }))
    expect(await recordResults(db, results, NOON)).toEqual([])
    expect(await recordResults(db, results, NOON)).toEqual([])
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 2, sent: 2, sending: 0 })
  })
})

describe('a stop', () => {
  const attempts = async () =>
    (await db.execute(sql`select state, attempts, count(*) as n from delivery group by 1, 2 order by 1`)).rows
  const leases = async () =>
    (await db.execute(sql`select count(owner) as held, sum(sending) as sending from batch`)).rows

  test('finishes messages in transit, gives the rest back as not attempted, and the next send reaches each reader once', async () => {
    const edition = await plan(60)
    const smtp = await sink()
    const sender = await senderTo(`${smtp.url}?connections=4`)
    const clock = clockFrom(NOON)
    const stopping = new AbortController()
    smtp.hold()
    const sending = sendDue(db, sender, null, clock, { signal: stopping.signal })
    await smtp.received(4)
    stopping.abort()
    smtp.release()
    expect(await sending).toBeNull()
    expect(smtp.messages).toHaveLength(4)
    expect(await attempts()).toEqual([
      { state: 'queued', attempts: 0, n: 56 },
      { state: 'sent', attempts: 1, n: 4 },
    ])
    expect(await leases()).toEqual([{ held: 0, sending: 0 }])
    await sendEdition(db, sender, edition, clock)
    expect(smtp.messages).toHaveLength(60)
    expect(new Set(smtp.messages.map((message) => message.to)).size).toBe(60)
  })

  test('ends a wait for the relay’s rate at once', async () => {
    await plan(5)
    const smtp = await sink()
    const { relays, ...rest } = await senderTo(`${smtp.url}?connections=2`)
    const slow = { ...rest, relays: relays.map((relay) => ({ ...relay, ratePerSecond: 1 / 3600 })) }
    const stopping = new AbortController()
    const sending = sendDue(db, slow, null, clockFrom(NOON), {
      signal: stopping.signal,
      onRecorded: () => stopping.abort(),
    })
    await sending
    expect(smtp.messages).toHaveLength(1)
    expect(await attempts()).toEqual([
      { state: 'queued', attempts: 0, n: 4 },
      { state: 'sent', attempts: 1, n: 1 },
    ])
  })

  test('does not wait for a relay that accepts the connection and sends no greeting', async () => {
    await plan(5)
    const dialled = Promise.withResolvers<void>()
    const mute = createServer((socket) => {
      socket.on('error', () => {})
      dialled.resolve()
    })
    await new Promise<void>((listening) => mute.listen(0, '127.0.0.1', listening))
    const address = mute.address()
    const port = typeof address === 'object' ? address?.port : 0
    const stopping = new AbortController()
    const sending = sendDue(db, await senderTo(`smtp://127.0.0.1:${port}?connections=1`), null, clockFrom(NOON), {
      signal: stopping.signal,
    })
    await dialled.promise
    stopping.abort()
    expect(await sending).toBeNull()
    expect(await attempts()).toEqual([{ state: 'queued', attempts: 0, n: 5 }])
    expect(await leases()).toEqual([{ held: 0, sending: 0 }])
    mute.close()
  })

  test('before anything has begun sends nothing and claims nothing', async () => {
    await plan(5)
    const smtp = await sink()
    await sendDue(db, await senderTo(smtp.url), null, clockFrom(NOON), { signal: AbortSignal.abort() })
    expect(smtp.messages).toHaveLength(0)
    expect(await attempts()).toEqual([{ state: 'queued', attempts: 0, n: 5 }])
  })
})
