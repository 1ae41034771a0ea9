import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { claimNotices, mayStillSend } from '../../../src/delivery/notices/claim-notices.ts'
import { countSpan, liftSpan } from '../../../src/subscribers/suppressions/lift-between.ts'
import { liftSuppression } from '../../../src/subscribers/suppressions/lift-suppression.ts'
import { courantOn } from '../../commands/commanding.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { count, freshTagblatt, NOON, readRow, ZWEI } from '../fixtures.ts'
import { ask, confirmMail, EVA, join, leaveAll, mails, sendMails, suppress } from '../readers.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const zwei = await freshTagblatt(db, ZWEI)
const courant = courantOn(db)

const DAY_BEFORE = NOON.subtract({ hours: 24 })
const WHY = 'The relay was wrong on Monday.'
const span = (since = NOON.subtract({ hours: 1 }), until = NOON.add({ hours: 1 })) => ({ since, until })
const lifts = async () =>
  (
    await db.execute(
      sql`select action, evidence, details, subscription_id as of from consent_record where action = 'lifted' order by id`,
    )
  ).rows

describe('one suppression that is lifted', () => {
  test.each(['bounced', 'complained', 'manual'] as const)(
    'asks the reader to confirm anew, and is over when they do: %s',
    async (reason) => {
      await join(db, [tagblatt, zwei], DAY_BEFORE)
      await suppress(db, reason, NOON.subtract({ hours: 1 }))
      const before = await readRow(db, 1)

      const done = await liftSuppression(db, EVA, WHY, NOON)
      expect(done).toEqual({ suppression: reason, lifted: false, asked: [tagblatt.slug, zwei.slug] })
      expect(await count(db, 'suppression')).toBe(1)
      expect(await readRow(db, 1)).toEqual(before)
      expect(await lifts()).toMatchObject([
        { evidence: WHY, details: { by: 'administrator', suppression: reason }, of: 1 },
        { evidence: WHY, of: 2 },
      ])
      const [notice] = await claimNotices(db, 1, NOON)
      expect(notice?.asked).toHaveLength(2)
      await db.transaction(async (tx) => expect(notice && (await mayStillSend(tx, notice))).toBe(true))

      expect(await confirmMail(db, notice?.id ?? 0, NOON.add({ hours: 1 }))).toMatchObject({ state: 'confirmed' })
      expect(await count(db, 'suppression')).toBe(0)
      expect(await readRow(db, 1)).toEqual(before)
    },
  )

  test('names a request that waits as well, whose mail was skipped, and lets it live 7 days more', async () => {
    await ask(db, [tagblatt], NOON.subtract({ hours: 24 * 6 }))
    await suppress(db, 'bounced', DAY_BEFORE)
    await liftSuppression(db, EVA, WHY, NOON)
    expect(await mails(db)).toMatchObject([{ state: 'skipped' }, { state: 'queued', subscriptionIds: [1] }])
    const [id = 0] = await sendMails(db, NOON)
    expect(await confirmMail(db, id, NOON.add({ hours: 24 * 5 }))).toMatchObject({ state: 'confirmed' })
    expect(await readRow(db, 1)).toMatchObject({ state: 'active' })
    expect(await count(db, 'suppression')).toBe(0)
  })

  test('of who left all newsletters, or never had one, lets the address be subscribed again and mails nobody', async () => {
    await join(db, [tagblatt], DAY_BEFORE)
    await leaveAll(db, 1, DAY_BEFORE)
    await suppress(db, 'complained', DAY_BEFORE)
    await suppress(db, 'manual', DAY_BEFORE, 'never@example.com')
    for (const email of [EVA, 'never@example.com'])
      expect(await liftSuppression(db, email, WHY, NOON)).toMatchObject({ lifted: true, asked: [] })
    expect(await count(db, 'suppression')).toBe(0)
    expect((await mails(db)).filter(({ state }) => state === 'queued')).toEqual([])
    expect(await lifts()).toMatchObject([{ of: 1 }, { of: null, evidence: WHY }])
  })

  test('again and again asks its reader five times, and then once a day', async () => {
    await join(db, [tagblatt], DAY_BEFORE)
    await suppress(db, 'bounced', DAY_BEFORE)
    for (let hour = 0; hour < 5; hour++) {
      await liftSuppression(db, EVA, WHY, NOON.add({ hours: 24 * hour }))
      await sendMails(db, NOON.add({ hours: 24 * hour }))
    }
    const sent = async () => (await mails(db)).filter(({ state }) => state === 'sent').length
    const before = await sent()
    await liftSuppression(db, EVA, WHY, NOON.add({ hours: 24 * 4 + 12 }))
    await sendMails(db, NOON.add({ hours: 24 * 4 + 12 }))
    expect(await sent()).toBe(before)
    await sendMails(db, NOON.add({ hours: 24 * 5 }))
    expect(await sent()).toBe(before + 1)
  })

  test('cannot be one of who was erased, nor one there is not', async () => {
    await suppress(db, 'erased', DAY_BEFORE)
    await expect(liftSuppression(db, EVA, WHY, NOON)).rejects.toMatchObject({ code: 'suppression.erased' })
    await expect(liftSuppression(db, 'b@example.com', WHY, NOON)).rejects.toMatchObject({ code: 'suppression.unknown' })
  })
})

describe('the suppressions of a span of time', () => {
  test('that a relay’s refusals made are lifted together: their readers are what they were, with a record', async () => {
    await join(db, [tagblatt], DAY_BEFORE)
    const before = await readRow(db, 1)
    await suppress(db, 'bounced', NOON)
    await suppress(db, 'complained', NOON, 'a@example.com')
    await suppress(db, 'manual', NOON, 'b@example.com')
    await suppress(db, 'erased', NOON, 'c@example.com')
    await suppress(db, 'bounced', NOON.add({ hours: 1 }), 'late@example.com')
    await suppress(db, 'bounced', NOON.subtract({ hours: 2 }), 'early@example.com')

    expect(await countSpan(db, span())).toBe(1)
    expect(await liftSpan(db, span(), WHY, NOON)).toBe(1)
    expect(await count(db, 'suppression')).toBe(5)
    expect(await readRow(db, 1)).toEqual(before)
    expect(await lifts()).toMatchObject([{ evidence: WHY, of: 1 }])
    expect(await liftSpan(db, span(), WHY, NOON)).toBe(0)
  })

  test('are lifted a thousand at a time', async () => {
    await db.execute(sql`
      insert into suppression (email_hash, reason, created_at)
      select decode(lpad(to_hex(i), 64, '0'), 'hex'), 'bounced', ${NOON.toString()} from generate_series(1, 2500) i`)
    expect(await liftSpan(db, span(), WHY, NOON)).toBe(2500)
    expect(await count(db, 'suppression')).toBe(0)
    expect(await lifts()).toHaveLength(2500)
  })
})

describe('courant', () => {
  const SPAN = ['--since', NOON.subtract({ hours: 1 }).toString(), '--until', NOON.add({ hours: 1 }).toString()]

  test('suppression list tells when, why and whose, by span and reason', async () => {
    await suppress(db, 'bounced', NOON)
    await suppress(db, 'manual', DAY_BEFORE, 'b@example.com')
    expect((await courant('suppression', 'list')).results).toMatchObject([{ reason: 'bounced' }, { reason: 'manual' }])
    expect((await courant('suppression', 'list', ...SPAN)).results).toEqual([
      {
        id: expect.any(Number),
        email: null,
        reason: 'bounced',
        evidence: null,
        edition: null,
        at: NOON.toString(),
        askedAt: null,
      },
    ])
    expect((await courant('suppression', 'list', '--reason', 'manual')).results).toMatchObject([{ reason: 'manual' }])
    await expect(courant('suppression', 'list', '--since', 'monday')).rejects.toMatchObject({ code: 'usage' })
  })

  test('suppression lift tells a script how many there are, and lifts them with --yes', async () => {
    await suppress(db, 'bounced', NOON)
    const words = ['suppression', 'lift', ...SPAN, '--reason', WHY]
    expect((await courant(...words)).results).toEqual([{ found: 1, lifted: 0 }])
    expect(await count(db, 'suppression')).toBe(1)
    expect((await courant(...words, '--yes')).results).toEqual([{ found: 1, lifted: 1 }])
    expect(await count(db, 'suppression')).toBe(0)
    await expect(courant('suppression', 'lift', ...SPAN)).rejects.toMatchObject({
      code: 'commander.missingMandatoryOptionValue',
    })
  })

  test('subscriber lift says what becomes of it, and show since when the reader is asked', async () => {
    await join(db, [tagblatt], DAY_BEFORE)
    await suppress(db, 'bounced', DAY_BEFORE)
    const { results, texts } = await courant('subscriber', 'lift', EVA, '--reason', WHY)
    expect(results).toEqual([{ email: EVA, suppression: 'bounced', lifted: false, asked: [tagblatt.slug] }])
    expect(texts[0]).toContain('asked to confirm tagblatt')
    const shown = await courant('subscriber', 'show', EVA)
    expect(shown.results).toMatchObject([{ suppressed: { reason: 'bounced', askedAt: NOON.toString() } }])
    expect(shown.texts[0]).toContain(`suppressed: bounced, asked to confirm ${NOON}`)
  })
})
