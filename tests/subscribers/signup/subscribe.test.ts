import { createSecretKey } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { hashAddress, readHashKey } from '../../../src/subscribers/consent.ts'
import { type SubscribeRequest, subscribe } from '../../../src/subscribers/signup/subscribe.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { actions, addTagblatt, choosing, count, EVIDENCE, freshTagblatt, NOON, readRow, wish } from '../fixtures.ts'
import { suppress } from '../readers.ts'

const EVA = 'Eva@Example.com'
const CONFIRMED = { confirmed: EVIDENCE }

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)

const add = (said: Partial<SubscribeRequest> = {}, email = EVA) => subscribe(db, wish(tagblatt, email, said), NOON)
const notices = async () =>
  (await db.execute(sql`select kind, payload, state, due_at at time zone 'UTC' as due_at from notice order by id`)).rows
const leave = (id: number) =>
  db.execute(sql`update subscription set state = 'unsubscribed', unsubscribed_at = ${NOON.toString()} where id = ${id}`)

describe('subscribe, someone new', () => {
  test('without proof is pending, asked to confirm, and recorded as requested', async () => {
    const { kind, subscriptionId } = await add()

    expect(kind).toBe('pending')
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'pending', own: null })
    expect(await notices()).toEqual([
      {
        kind: 'confirmation',
        payload: { subscriptionIds: [subscriptionId], preferences: {} },
        state: 'queued',
        due_at: expect.stringMatching(/^2025-01-15 12:00/),
      },
    ])
    expect(await actions(db)).toEqual(['requested'])
  })

  test('with proof is active at once, and the proof is kept', async () => {
    const { kind, subscriptionId } = await add(CONFIRMED)

    expect(kind).toBe('added')
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'active', own: null })
    expect(await notices()).toEqual([])
    const kept = await db.execute(sql`
      select c.action, c.evidence, c.newsletter_id, c.email_hash = s.email_hash as hashed, c.details
      from consent_record c join subscriber s on s.id = c.subscriber_id`)
    expect(kept.rows).toEqual([
      {
        action: 'confirmed',
        evidence: EVIDENCE.evidence,
        newsletter_id: tagblatt.id,
        hashed: true,
        details: { by: 'administrator' },
      },
    ])
  })

  test('takes locale, frequency, hour and zone of the newsletter, and all topics', async () => {
    await add(CONFIRMED)
    const found = await db.execute(sql`
      select p.email, p.locale, p.format, c.home, s.topics
      from subscription s join subscriber p on p.id = s.subscriber_id join cohort c on c.id = s.cohort_id`)
    expect(found.rows).toEqual([{ email: 'Eva@example.com', locale: 'de', format: 'html', home: true, topics: [] }])
  })

  test('keeps what they choose; topics appear by themselves, one for each name however it is written', async () => {
    const { subscriptionId } = await add({
      ...choosing({ frequency: 'weekly', weekday: 5, hour: 18, zone: 'Asia/Kolkata' }),
      topics: ['Politik', ' politik', 'Küche'],
      name: 'Eva',
      locale: 'en',
      format: 'plain',
    })
    await add({ topics: ['POLITIK', 'Sport'] }, 'b@example.com')

    expect(await readRow(db, subscriptionId)).toMatchObject({ topics: [1, 2] })
    const found = await db.execute(sql`
      select frequency, weekday, hour, zone from cohort c join subscription s on s.cohort_id = c.id where s.id = ${subscriptionId}`)
    expect(found.rows).toEqual([{ frequency: 'weekly', weekday: 5, hour: 18, zone: 'Asia/Kolkata' }])
    const topics = await db.execute(sql`select name from topic order by id`)
    expect(topics.rows.map((row) => row.name)).toEqual(['Küche', 'Politik', 'Sport'])
  })

  test('with an address that is none is refused, with the likelier one', async () => {
    await expect(add(CONFIRMED, 'eva@gmial.com ,')).rejects.toMatchObject({ code: 'address.invalid' })
    await expect(add(CONFIRMED, 'eva@gmx.ed.')).rejects.toMatchObject({ todo: 'Was eva@gmx.de meant?' })
    expect(await count(db, 'subscriber')).toBe(0)
  })

  test('whose address is suppressed is refused, and nothing is kept', async () => {
    await suppress(db, 'bounced', NOON)
    await expect(add(CONFIRMED)).rejects.toMatchObject({ code: 'subscriber.suppressed' })
    await expect(add({ by: 'reader' })).rejects.toMatchObject({ code: 'subscriber.suppressed' })
    expect(await count(db, 'subscriber')).toBe(0)
    expect(await count(db, 'notice')).toBe(0)
  })

  test('cannot have a frequency that the newsletter does not offer', async () => {
    await db.execute(sql`update newsletter set frequencies = '{daily}'`)
    await expect(add(choosing({ frequency: 'instant' }))).rejects.toMatchObject({ code: 'subscriber.frequency' })
    expect(await count(db, 'subscriber')).toBe(0)
  })
})

describe('subscribe, someone known', () => {
  test('two spellings of an address are one subscriber', async () => {
    const first = await add(CONFIRMED)
    const second = await add(CONFIRMED, 'eva@EXAMPLE.com')

    expect(second).toEqual({ kind: 'unchanged', subscriptionId: first.subscriptionId })
    expect(await count(db, 'subscriber')).toBe(1)
    expect(await actions(db)).toEqual(['confirmed'])
  })

  test('a form changes nothing for who has confirmed, and mails nothing', async () => {
    const { subscriptionId } = await add({ ...CONFIRMED, topics: ['Politik'], name: 'Eva' })
    const before = await readRow(db, subscriptionId)

    const again = await add({
      ...choosing({ frequency: 'weekly' }),
      by: 'reader',
      topics: ['Sport'],
      name: 'Mallory',
      locale: 'en',
    })

    expect(again.kind).toBe('unchanged')
    expect(await readRow(db, subscriptionId)).toEqual(before)
    const people = await db.execute(sql`select name, locale from subscriber`)
    expect(people.rows).toEqual([{ name: 'Eva', locale: 'de' }])
    expect(await notices()).toEqual([])
  })

  test('an administrator’s word changes schedule, topics and name, and is recorded', async () => {
    const { subscriptionId } = await add(CONFIRMED)

    const updated = await add({ ...choosing({ hour: 18 }), topics: ['Sport'], name: 'Eva' })

    expect(updated).toEqual({ kind: 'updated', subscriptionId })
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'active', topics: [1] })
    expect(await actions(db)).toEqual(['confirmed', 'changed'])
    expect((await add({ ...choosing({ hour: 18 }), topics: ['Sport'], name: 'Eva' })).kind).toBe('unchanged')
    expect((await add({ name: 'Eva B.' })).kind).toBe('updated')
    expect((await add({ topics: [] })).kind).toBe('updated')
    expect(await readRow(db, subscriptionId)).toMatchObject({ topics: [] })
    expect(await actions(db)).toEqual(['confirmed', 'changed', 'changed'])
  })

  test('pending readers become active by proof; asking again does not queue a second mail', async () => {
    const { subscriptionId } = await add()
    expect((await add({ by: 'reader' })).kind).toBe('pending')
    expect((await add()).kind).toBe('pending')
    expect(await notices()).toHaveLength(1)

    expect(await add(CONFIRMED)).toEqual({ kind: 'added', subscriptionId })
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'active' })
    expect(await actions(db)).toEqual(['requested', 'confirmed'])
  })

  test('asked again after the mail went out, they get another', async () => {
    await add()
    await db.execute(sql`update notice set state = 'sent'`)
    await add({ by: 'reader' })

    expect((await notices()).map((notice) => notice.state)).toEqual(['sent', 'queued'])
    expect(await actions(db)).toEqual(['requested', 'requested'])
  })

  test('two newsletters are confirmed with one mail', async () => {
    const other = await addTagblatt(db, { slug: 'zwei' })
    const first = await add()
    const second = await subscribe(db, wish(other, EVA), NOON)

    expect(await notices()).toMatchObject([
      { payload: { subscriptionIds: [first.subscriptionId, second.subscriptionId] } },
    ])
  })

  test('a mail that is just being sent is not changed: the second newsletter gets its own', async () => {
    const other = await addTagblatt(db, { slug: 'zwei' })
    const first = await add()
    await db.execute(sql`update notice set state = 'sending'`)
    const second = await subscribe(db, wish(other, EVA), NOON)

    expect(await notices()).toMatchObject([
      { state: 'sending', payload: { subscriptionIds: [first.subscriptionId] } },
      { state: 'queued', payload: { subscriptionIds: [second.subscriptionId] } },
    ])
  })

  test('a paused reader stays paused, whatever is said', async () => {
    const { subscriptionId } = await add(CONFIRMED)
    await db.execute(sql`update subscription set state = 'paused', seen_entry_id = 0`)

    expect((await add({ ...CONFIRMED, ...choosing({ hour: 18 }) })).kind).toBe('updated')
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'paused', own: 0 })
  })

  test('who left comes back with a new confirmation or with proof only', async () => {
    const { subscriptionId } = await add(CONFIRMED)
    await leave(subscriptionId)

    expect((await add({ by: 'reader' })).kind).toBe('pending')
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'pending' })
    expect(await notices()).toHaveLength(1)

    await leave(subscriptionId)
    expect((await add(CONFIRMED)).kind).toBe('added')
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'active' })
    expect(await actions(db)).toEqual(['confirmed', 'requested', 'confirmed'])
  })
})

describe('consent records', () => {
  test('are never changed', async () => {
    await add(CONFIRMED)
    await expect(db.execute(sql`update consent_record set evidence = 'none'`)).rejects.toThrow()
    expect(await actions(db)).toEqual(['confirmed'])
  })

  test('name a person by a hash that only this installation can make', async () => {
    const key = await readHashKey(db)
    expect(hashAddress(key, 'eva@example.com')).toHaveLength(32)
    expect(hashAddress(key, 'eva@example.com')).toEqual(hashAddress(key, 'eva@example.com'))
    expect(hashAddress(createSecretKey(Buffer.alloc(32)), 'eva@example.com')).not.toEqual(
      hashAddress(key, 'eva@example.com'),
    )
  })
})
