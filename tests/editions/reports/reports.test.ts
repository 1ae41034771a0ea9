import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '../../../src/config/config.ts'
import { listReasons } from '../../../src/editions/reports/reasons.ts'
import { plan, send, startScriptedRelay } from '../../delivery/hostile-sending.ts'
import { handClock } from '../../support/clock.ts'
import { courantOn } from '../../support/command-line.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { vanish } from '../../support/hostile-relay.ts'
import { planByHand } from '../../support/planned.ts'
import { makeWorld, NOON } from '../../support/world.ts'

const { db } = await freshDatabase()
const courant = courantOn({ db, config: readConfig({ SECRET: 'x'.repeat(32) }), clock: handClock(NOON) })

const OK = '250 2.1.5 ok\r\n'
const GONE = '550 5.1.1 no such mailbox'
const BUSY = '450 4.2.0 Greylisted'
const RETRIED = expect.stringMatching(/^2026-.*Z$/)

let edition = 0
beforeEach(async () => {
  edition = await plan(db, 5)
})

/** The relay accepts the first message, does not know the second and third readers, and defers the others. */
async function sendInPart(): Promise<void> {
  const { sender } = await startScriptedRelay({ answers: { RCPT: [OK, `${GONE}\r\n`, `${GONE}\r\n`, `${BUSY}\r\n`] } })
  await send(db, sender, edition)
}

describe('the reasons of an edition', () => {
  test('come most frequent first, with the relay’s reply and the time of the next attempt', async () => {
    await sendInPart()
    const { results, texts } = await courant('edition', 'show', String(edition))
    const failed = { state: 'failed', reason: 'the mailbox does not exist', deliveries: 2, ambiguous: 0, reply: GONE }
    const deferred = { state: 'deferred', deliveries: 2, ambiguous: 0, reply: BUSY }
    expect(results).toMatchObject([
      {
        state: 'sending',
        counts: { sent: 1, failed: 2, deferred: 2 },
        nextDueAt: RETRIED,
        reasons: [deferred, failed],
      },
    ])
    expect(texts[0]).toContain(`2 failed: the mailbox does not exist (${GONE})`)
    expect(texts[0]).toMatch(/^next due 2026-.*Z$/m)
  })

  test('count deliveries that were possibly sent', async () => {
    const { sender } = await startScriptedRelay({ answers: { content: [vanish] } })
    await send(db, sender, edition)
    const [reason] = await listReasons(db, edition)
    expect(reason).toMatchObject({ state: 'deferred', reply: expect.any(String) })
    expect(reason?.ambiguous).toBeGreaterThan(0)
    const { texts } = await courant('edition', 'show', String(edition))
    expect(texts[0]).toContain(`${reason?.ambiguous} of them may have arrived`)
  })

  test('are none for an edition that was sent, nor those of another edition', async () => {
    await sendInPart()
    const world = await makeWorld(db, 'abend')
    await world.addReaders(2)
    await world.addArticles(1)
    const other = await planByHand(db, world)
    await send(db, (await startScriptedRelay()).sender, other)
    const { results, texts } = await courant('edition', 'show', String(other))
    expect(results).toMatchObject([{ state: 'finished', counts: { sent: 2 }, reasons: [], nextDueAt: null }])
    expect(texts[0]).not.toContain('next due')
  })

  test('do not announce a next attempt while it is paused', async () => {
    await sendInPart()
    const { results } = await courant('edition', 'pause', String(edition))
    expect(results).toMatchObject([
      { state: 'paused', nextDueAt: null, reasons: [{ deliveries: 2 }, { deliveries: 2 }] },
    ])
  })
})

describe('the delivery history of a reader', () => {
  const deliveriesTo = async (email: string) => {
    const { results, texts } = await courant('subscriber', 'show', email)
    return { deliveries: (results[0] as { deliveries: unknown }).deliveries, text: texts[0] }
  }

  test('shows the state of each delivery and its reason', async () => {
    await sendInPart()
    const sent = { edition, newsletter: 'morgen', state: 'sent', reason: null, attempts: 1, finalAt: NOON.toString() }
    const failed = { state: 'failed', reason: 'the mailbox does not exist', reply: GONE, retryAt: null }
    const deferred = { state: 'deferred', reply: BUSY, attempts: 1, retryAt: RETRIED, finalAt: null }
    expect((await deliveriesTo('LESER1@morgen.example')).deliveries).toMatchObject([sent])
    expect((await deliveriesTo('leser2@morgen.example')).deliveries).toMatchObject([failed])
    const { deliveries, text } = await deliveriesTo('leser5@morgen.example')
    expect(deliveries).toMatchObject([deferred])
    expect(text).toMatch(new RegExp(`^2026-\\S*Z\tedition ${edition}\tmorgen\tdeferred\t.*\\(${BUSY}\\)$`, 'm'))
  })

  test('shows the latest twenty, newest first', async () => {
    await db.execute(sql`
      insert into edition (public_id, newsletter_id, state, home, bound_entry_id, nonce, created_at)
      select 'p' || n, newsletter_id, 'finished', false, bound_entry_id, nonce, created_at
      from edition, generate_series(1, 25) n where id = ${edition}`)
    await db.execute(sql`
      insert into delivery (edition_id, seq, variant_id, subscription_id, subscriber_id, start_entry_id, state)
      select e.id, d.seq, d.variant_id, d.subscription_id, d.subscriber_id, 0, 'sent'
      from edition e, delivery d where d.edition_id = ${edition} and e.id > ${edition}`)
    const { deliveries } = await deliveriesTo('leser3@morgen.example')
    const editions = Array.from({ length: 20 }, (_, n) => ({ edition: edition + 25 - n, state: 'sent' }))
    expect(deliveries).toMatchObject(editions)
  })
})
