import { describe, expect, test } from 'vitest'
import { suppression } from '../../src/db/schema/subscriber.ts'
import { findNewsletter } from '../../src/newsletters/newsletters.ts'
import { hashAddress, readHashKey } from '../../src/subscribers/consent.ts'
import { ADD_TAGBLATT, NEXT_SLOT, NOON } from '../subscribers/fixtures.ts'
import { FRIDAYS } from '../subscribers/import/importing.ts'
import { EVA, join, leaveOne, SHOWN } from '../subscribers/readers.ts'
import { freshDatabase } from '../support/fresh.ts'
import { courantOn } from './commanding.ts'

const { db } = await freshDatabase()

const courant = courantOn(db)
const wrongUsage = { code: 'usage' }

describe('courant subscriber', () => {
  test('add says what became of it, in the fields of list', async () => {
    await courant(...ADD_TAGBLATT)
    const words = ['--confirmed', '--evidence', 'card', '--name', 'Eva', '--locale', 'en', '--format', 'plain']
    const schedule = [
      '--frequency',
      'weekly',
      '--weekday',
      '5',
      '--hour',
      '18',
      '--time-zone',
      'asia/kolkata',
      '--topics',
      'b,a',
    ]
    const { results } = await courant('subscriber', 'add', 'eva@example.com', ...words, ...schedule)

    const reader = {
      email: 'eva@example.com',
      name: 'Eva',
      locale: 'en',
      format: 'plain',
      newsletter: 'tagblatt',
      state: 'active',
      ...FRIDAYS,
      topics: ['a', 'b'],
      createdAt: NOON.toString(),
      confirmedAt: NOON.toString(),
      unsubscribedAt: null,
      pausedUntil: null,
      // Friday, 18:00 in Kolkata.
      nextSlotAt: '2025-01-17T12:30:00Z',
    }
    expect(results).toEqual([{ kind: 'added', ...reader }])
    expect((await courant('subscriber', 'list')).results).toEqual([reader])
    expect((await courant('subscriber', 'add', 'eva@example.com', '--topics', '')).results).toMatchObject([
      { kind: 'updated', topics: [], frequency: 'weekly' },
    ])
  })

  test('consent and proof belong together', async () => {
    await courant(...ADD_TAGBLATT)
    await expect(courant('subscriber', 'add', 'a@example.com', '--confirmed')).rejects.toMatchObject(wrongUsage)
    await expect(courant('subscriber', 'add', 'a@example.com', '--confirmed', '--evidence', ' ')).rejects.toMatchObject(
      wrongUsage,
    )
    await expect(courant('subscriber', 'add', 'a@example.com', '--evidence', 'card')).rejects.toMatchObject(wrongUsage)
    expect((await courant('subscriber', 'list')).results).toEqual([])
  })

  test.each([
    ['--frequency', 'hourly'],
    ['--weekday', '8'],
    ['--hour', '24'],
    ['--time-zone', 'Berlin'],
    ['--locale', 'fr'],
    ['--format', 'pdf'],
  ])('%s %s is wrong usage', async (option, value) => {
    await courant(...ADD_TAGBLATT)
    await expect(courant('subscriber', 'add', 'a@example.com', option, value)).rejects.toMatchObject(wrongUsage)
  })

  test('list is filtered by newsletter and state', async () => {
    await courant(...ADD_TAGBLATT)
    await courant('newsletter', 'add', '--slug', 'zwei', '--name', 'Zwei')
    await courant('subscriber', 'add', 'a@example.com', '--newsletter', 'tagblatt')
    await courant('subscriber', 'add', 'b@example.com', '--newsletter', 'zwei', '--confirmed', '--evidence', 'card')
    const emails = async (...words: string[]) =>
      (await courant('subscriber', 'list', ...words)).texts.map((text) => text.split('\t')[0])

    expect(await emails()).toEqual(['a@example.com', 'b@example.com'])
    expect(await emails('--newsletter', 'zwei')).toEqual(['b@example.com'])
    expect(await emails('--state', 'pending')).toEqual(['a@example.com'])
    expect(await emails('--state', 'unsubscribed')).toEqual([])
    await expect(emails('--state', 'gone')).rejects.toMatchObject(wrongUsage)
    await expect(courant('subscriber', 'add', 'c@example.com')).rejects.toMatchObject({ code: 'newsletter.ambiguous' })
  })

  test('show tells all that is kept, with the evidence', async () => {
    await courant(...ADD_TAGBLATT)
    await courant('subscriber', 'add', 'eva@example.com')
    await courant('subscriber', 'add', 'eva@example.com', '--confirmed', '--evidence', 'card of May')

    expect((await courant('subscriber', 'show', 'EVA@example.com')).results).toMatchObject([
      {
        email: 'eva@example.com',
        suppressed: null,
        subscriptions: [{ newsletter: 'tagblatt', state: 'active' }],
        consent: [
          { action: 'requested', newsletter: 'tagblatt', evidence: null, at: NOON.toString() },
          { action: 'confirmed', newsletter: 'tagblatt', evidence: 'card of May' },
        ],
      },
    ])
    await expect(courant('subscriber', 'show', 'b@example.com')).rejects.toMatchObject({ code: 'subscriber.unknown' })
  })

  test('show tells state, schedule, next digest and what the reader was shown, in JSON and in lines', async () => {
    await courant(...ADD_TAGBLATT)
    await join(db, [await findNewsletter(db, 'tagblatt')], NOON)
    await leaveOne(db, 1, NOON)
    await courant('newsletter', 'add', '--slug', 'zwei', '--name', 'Zwei')
    await join(db, [await findNewsletter(db, 'zwei')], NOON.add({ hours: 2 }))

    const { results, texts } = await courant('subscriber', 'show', EVA)
    const shown = { evidence: SHOWN.shown, textVersion: 'v1', ip: '192.0.2.7', userAgent: 'A/1' }
    expect(results).toMatchObject([
      {
        subscriptions: [
          { newsletter: 'tagblatt', state: 'unsubscribed', unsubscribedAt: NOON.toString(), nextSlotAt: null },
          { newsletter: 'zwei', state: 'active', frequency: 'daily', hour: 7, nextSlotAt: NEXT_SLOT.toString() },
        ],
        consent: ['requested', 'confirmed', 'unsubscribed', 'requested', 'confirmed'].map((action) => ({
          action,
          ...shown,
        })),
      },
    ])
    expect(texts[0]?.split('\n').slice(0, 3)).toEqual([
      `${EVA}\ttagblatt\tunsubscribed\tdaily 7 Europe/Berlin\t\t`,
      `${EVA}\tzwei\tactive\tdaily 7 Europe/Berlin\t\t${NEXT_SLOT}`,
      `${NOON}\trequested\ttagblatt\t192.0.2.7\t${SHOWN.shown}`,
    ])
  })

  test('show says why nothing goes to an address, of a subscriber and of who is none', async () => {
    await courant(...ADD_TAGBLATT)
    await courant('subscriber', 'add', 'eva@example.com')
    const key = await readHashKey(db)
    for (const email of ['eva@example.com', 'b@example.com'])
      await db.insert(suppression).values({ emailHash: hashAddress(key, email), reason: 'bounced', createdAt: NOON })

    expect((await courant('subscriber', 'show', 'eva@example.com')).results).toMatchObject([
      { suppressed: { reason: 'bounced', at: NOON.toString() } },
    ])
    await expect(courant('subscriber', 'show', 'b@example.com')).rejects.toMatchObject({
      code: 'subscriber.unknown',
      message: expect.stringContaining('suppressed: bounced'),
    })
  })

  test.each([
    ['eva@example.com', { valid: true, reason: null, suggestion: null }],
    ['eva@gmial.com', { valid: true, suggestion: 'eva@gmail.com' }],
    ['-eva@example.com', { valid: true }],
    ['-help@example.com', { valid: true }],
    ['--eva@example.com', { valid: true }],
    ['', { valid: false, reason: 'There is no address.' }],
    ['eva', { valid: false }],
  ])('check-address %j', async (address, expected) => {
    expect((await courant('subscriber', 'check-address', address)).results).toMatchObject([expected])
    if (address.startsWith('-'))
      expect((await courant('subscriber', 'check-address', address, '--json')).results).toMatchObject([expected])
  })

  test('check-address takes one address', async () => {
    await expect(courant('subscriber', 'check-address', 'a@example.com', 'b@example.com')).rejects.toMatchObject(
      wrongUsage,
    )
  })
})
