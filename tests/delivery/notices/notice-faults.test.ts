import type { AddressInfo } from 'node:net'
import { sql } from 'drizzle-orm'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sendNotices } from '../../../src/delivery/notices/send-notices.ts'
import type { Sender } from '../../../src/delivery/worker.ts'
import { deliverDue } from '../../../src/scheduler/deliver-due.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { hookStatements } from '../../support/hooked.ts'
import { planByHand } from '../../support/planned.ts'
import { senderTo } from '../../support/sender.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'
import { queueConfirmations } from '../queue-confirmations.ts'

const { db, pool } = await freshDatabase()
const sink = freshSinks()
let world: World
beforeEach(async () => {
  world = await makeWorld(db)
})

const CLAIM = /claimed as \(/
const COUNT = /as count from/
const RECHECK = /for share of s/
const RECORD = /with result as/

const lost = () => Object.assign(new Error('terminating connection'), { code: '57P01' })

/** The next so many runs of a statement fail as if the connection was lost; after it has taken effect, with `after`. */
function failing(pattern: RegExp, times: number, when: 'before' | 'after' = 'before', fault: () => Error = lost) {
  let left = times
  return hookStatements(pool, async (text, run) => {
    if (!pattern.test(text) || left === 0) return run()
    left -= 1
    if (when === 'after') await run()
    throw fault()
  })
}

const notices = async () =>
  (await db.execute(sql`select state, attempts, ambiguous, reason from notice order by id`)).rows
const SENT = { state: 'sent', attempts: 1, ambiguous: false }
const all = (count: number, how: object) => Array.from({ length: count }, () => expect.objectContaining(how))

describe('a recipient whose relay takes its time', () => {
  const servers: SMTPServer[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      for (const connection of server.connections) connection._socket.destroy()
      await new Promise<void>((resolve) => server.close(resolve))
    }
  })

  /** A relay that does not answer for this recipient until it is let go. */
  async function startTarpit(slow: string) {
    const letGo = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const got: string[] = []
    const contents: Buffer[] = []
    const waiting: { readonly count: number; readonly wake: () => void }[] = []
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS', 'AUTH'],
      onRcptTo: ({ address }, _, callback) => {
        if (address !== slow) return callback()
        held.resolve()
        void letGo.promise.then(() => callback())
      },
      onData: async (stream, session, callback) => {
        const octets = await stream.toArray().catch(() => null)
        if (octets === null) return
        contents.push(Buffer.concat(octets))
        got.push(session.envelope.rcptTo[0]?.address ?? '')
        for (const { count, wake } of waiting) if (got.length >= count) wake()
        callback(null)
      },
    })
    server.on('error', () => {})
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.server.address() as AddressInfo
    const received = (count: number) =>
      new Promise<void>((wake) => (got.length >= count ? wake() : waiting.push({ count, wake })))
    return { url: `smtp://127.0.0.1:${port}`, got, contents, received, held: held.promise, letGo: letGo.resolve }
  }

  test('holds one connection: the others go out meanwhile, those that are asked for meanwhile too', async () => {
    const relay = await startTarpit('neu0@leser.example')
    await queueConfirmations(db, 25, [world])
    const sending = sendNotices(db, await senderTo(relay.url), handClock(NOON))
    await relay.received(24)
    // One reader asks again.
    await db.execute(sql`update notice set state = 'queued' where id = 25`)
    await relay.received(25)
    expect(relay.got).not.toContain('neu0@leser.example')
    relay.letGo()
    expect(await sending).toBe(26)
    expect(relay.got.at(-1)).toBe('neu0@leser.example')
  })

  test('and delays no digest', async () => {
    const relay = await startTarpit('neu0@leser.example')
    await queueConfirmations(db, 1, [world])
    await world.addReaders(3)
    await world.addArticles(1)
    await planByHand(db, world, handClock(NOON))
    const delivering = deliverDue(db, { sender: await senderTo(relay.url) }, handClock(NOON))
    await relay.received(3)
    expect(relay.got).not.toContain('neu0@leser.example')
    relay.letGo()
    expect(await delivering).toMatchObject({ notices: 1, sent: 3, relayError: null })
  })

  const LEAVES = sql`update subscription set state = 'unsubscribed'`
  const CONFIRMS = sql`update subscription set state = 'active', confirmed_at = ${NOON.toString()}`
  const SUPPRESSED = sql`insert into suppression (email_hash, reason, created_at)
    select email_hash, 'complained', ${NOON.toString()} from subscriber`
  test.each([
    ['who leaves', 'confirmation', LEAVES, 'unsubscribed'],
    ['who confirms', 'confirmation', CONFIRMS, 'confirmed'],
    ['who is suppressed', 'confirmation', SUPPRESSED, 'suppressed'],
    ['who leaves', 'reminder', LEAVES, 'unsubscribed'],
    ['who confirms', 'reminder', CONFIRMS, 'confirmed'],
    ['who is suppressed', 'reminder', SUPPRESSED, 'suppressed'],
  ] as const)('and %s meanwhile gets no %s any more', async (_, kind, change, reason) => {
    const relay = await startTarpit('neu0@leser.example')
    await queueConfirmations(db, 1, [world])
    await db.execute(sql`update notice set kind = ${kind}`)
    const clock = handClock(NOON)
    const sending = sendNotices(db, await senderTo(relay.url), clock)
    await relay.held
    await db.execute(change)
    clock.advance({ seconds: 2 })
    relay.letGo()
    expect(await sending).toBe(0)
    expect(relay.got).toEqual([])
    expect(await notices()).toMatchObject([{ state: 'skipped', reason, ambiguous: false }])
  })

  test('and a reader who unsubscribes from one of two newsletters meanwhile is asked for the other alone', async () => {
    const relay = await startTarpit('neu0@leser.example')
    await queueConfirmations(db, 1, [world, await makeWorld(db, 'abend')])
    await db.execute(sql`update newsletter set name = 'Der Abend' where slug = 'abend'`)
    const clock = handClock(NOON)
    const sending = sendNotices(db, await senderTo(relay.url), clock)
    await relay.held
    await db.execute(sql`update subscription set state = 'unsubscribed' where newsletter_id = ${world.newsletterId}`)
    clock.advance({ seconds: 2 })
    relay.letGo()
    expect(await sending).toBe(1)
    const [mail = ''] = relay.contents
    const { text } = await PostalMime.parse(mail)
    expect(text).toContain('Der Abend')
    expect(text).not.toContain('Der Morgen')
  })

  test('and whose lease is lost meanwhile gets it from the worker that took it over', async () => {
    const relay = await startTarpit('neu0@leser.example')
    await queueConfirmations(db, 1, [world])
    const clock = handClock(NOON)
    const sending = sendNotices(db, await senderTo(relay.url), clock)
    await relay.held
    clock.advance({ seconds: 20 })
    const other = await sink()
    expect(await sendNotices(db, await senderTo(other.url), clock)).toBe(1)
    relay.letGo()
    expect(await sending).toBe(0)
    expect(relay.got).toEqual([])
    expect(await notices()).toMatchObject([{ state: 'sent', attempts: 2, ambiguous: true }])
  })
})

describe('a fault of the database', () => {
  test.each([
    ['while it counts what is due', COUNT],
    ['while it claims', CLAIM],
    ['while it records what a relay accepted', RECORD],
  ])('%s is waited out: each notice is sent once, and no error is reported', async (_, pattern) => {
    await queueConfirmations(db, 12, [world])
    const smtp = await sink()
    expect(await sendNotices(failing(pattern, 4), await senderTo(smtp.url), handClock(NOON))).toBe(12)
    expect(smtp.messages).toHaveLength(12)
    expect(await notices()).toEqual(all(12, { ...SENT, reason: expect.not.stringContaining('written') }))
  })

  test('that loses the answer to a claim or to a record changes nothing', async () => {
    for (const pattern of [CLAIM, RECORD]) {
      await db.execute(sql`delete from notice`)
      await db.execute(sql`delete from subscription`)
      await db.execute(sql`delete from subscriber`)
      await queueConfirmations(db, 5, [world])
      const smtp = await sink()
      await sendNotices(failing(pattern, 2, 'after'), await senderTo(smtp.url), handClock(NOON))
      expect(smtp.messages).toHaveLength(5)
      expect(await notices()).toEqual(all(5, SENT))
    }
  })

  test('while a reader is checked again leaves the notice due, and no error is reported', async () => {
    await queueConfirmations(db, 1, [world])
    const smtp = await sink()
    const clock = handClock(NOON)
    let failures = 1
    const faulty = hookStatements(pool, async (text, run) => {
      if (RECHECK.test(text) && failures-- > 0) throw new Error('out of order')
      const answer = await run()
      if (CLAIM.test(text)) clock.advance({ seconds: 2 })
      return answer
    })
    expect(await sendNotices(faulty, await senderTo(smtp.url), clock)).toBe(1)
    expect(smtp.messages).toHaveLength(1)
    expect(await notices()).toMatchObject([SENT])
  })

  test('is thrown where it does not pass, and what is due stays due and never tried', async () => {
    await queueConfirmations(db, 2, [world])
    const smtp = await sink()
    for (const pattern of [COUNT, CLAIM]) {
      const faulty = failing(pattern, Number.POSITIVE_INFINITY, 'before', () => new Error('no such column'))
      await expect(sendNotices(faulty, await senderTo(smtp.url), handClock(NOON))).rejects.toThrow()
    }
    expect(await notices()).toEqual(all(2, { state: 'queued', attempts: 0, ambiguous: false, reason: null }))
    expect(smtp.messages).toEqual([])
  })
})

describe('what a relay has accepted and cannot be recorded', () => {
  /** The database refuses to take down that the notice of this reader was sent. */
  const refuse = (email: string) =>
    db.execute(
      sql.raw(`
      create function refuse() returns trigger language plpgsql as $$ begin
        if new.state = 'sent' and exists (select from subscriber p where p.id = new.subscriber_id and p.email = '${email}')
        then raise exception 'refused'; end if;
        return new;
      end $$;
      create trigger refuse before update on notice for each row execute function refuse();`),
    )
  /** Sends while time goes by with each outcome that cannot be recorded. */
  const sendAging = (sender: Sender, hours = 0) => {
    const clock = handClock(NOON.add({ hours }))
    const aging = hookStatements(pool, (text, run) =>
      run().catch((error: unknown) => {
        if (RECORD.test(text)) clock.advance({ seconds: 6 })
        throw error
      }),
    )
    return sendNotices(aging, sender, clock)
  }
  const allow = () => db.execute(sql.raw('drop trigger if exists refuse on notice; drop function if exists refuse()'))
  afterEach(() => allow())
  const copies = (smtp: Awaited<ReturnType<typeof sink>>, to: string) => smtp.messages.filter((one) => one.to === to)

  test('keeps no other from being sent, is flagged as possibly sent, and goes out again with the same Message-ID', async () => {
    await queueConfirmations(db, 15, [world])
    await refuse('neu3@leser.example')
    const smtp = await sink()
    const sender = await senderTo(smtp.url)
    await expect(sendAging(sender)).rejects.toThrow()
    expect(smtp.messages).toHaveLength(15)
    expect((await notices())[3]).toMatchObject({ state: 'sending', attempts: 1 })
    expect((await notices()).filter(({ state }) => state === 'sent')).toHaveLength(14)
    await allow()
    expect(await sendNotices(db, sender, handClock(NOON.add({ hours: 1 })))).toBe(1)
    expect((await notices())[3]).toMatchObject({ state: 'sent', attempts: 2, ambiguous: true })
    const both = copies(smtp, 'neu3@leser.example')
    const [first, second] = await Promise.all(both.map(({ raw }) => PostalMime.parse(raw)))
    expect(both).toHaveLength(2)
    expect(first?.messageId).toBe(second?.messageId)
  })

  test('goes out three times at most, however long the database refuses', async () => {
    await queueConfirmations(db, 1, [world])
    await refuse('neu0@leser.example')
    const smtp = await sink()
    const sender = await senderTo(smtp.url)
    for (let hour = 0; hour < 5; hour++) await sendAging(sender, hour).catch(() => {})
    expect(smtp.messages).toHaveLength(3)
    expect(await notices()).toMatchObject([
      { state: 'failed', ambiguous: true, reason: expect.stringContaining('may have been sent 3 times') },
    ])
  })

  test('is recorded once the database is back, also after the sending was stopped', async () => {
    await queueConfirmations(db, 1, [world])
    const smtp = await sink()
    const stopping = new AbortController()
    let failures = 3
    const faulty = hookStatements(pool, async (text, run) => {
      if (!RECORD.test(text) || failures === 0) return run()
      failures -= 1
      stopping.abort()
      throw lost()
    })
    expect(await sendNotices(faulty, await senderTo(smtp.url), handClock(NOON), stopping.signal)).toBe(1)
    expect(smtp.messages).toHaveLength(1)
    expect(await notices()).toMatchObject([SENT])
  })
})
