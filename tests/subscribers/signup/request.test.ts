import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Newsletter } from '../../../src/newsletters/newsletters.ts'
import type { FormRequest } from '../../../src/subscribers/signup/request.ts'
import { subscribe } from '../../../src/subscribers/signup/subscribe.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { actions, choosing, count, EVIDENCE, freshTagblatt, NOON, readRow, wish, ZWEI } from '../fixtures.ts'
import { ask, confirmMail, dump, EVA, join, leaveOne, mails, SHOWN, sendMails, suppress } from '../readers.ts'

const REQUESTED = { kind: 'requested' }

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const zwei = await freshTagblatt(db, ZWEI)

const addTopics = async (newsletter: Newsletter, ...names: string[]) => {
  for (const name of names)
    await db.execute(sql`insert into topic (newsletter_id, key, name, created_at)
      values (${newsletter.id}, ${name.toLowerCase()}, ${name}, ${NOON.toString()})`)
}
const wrongOf = async (said: Partial<FormRequest>) => {
  const answer = await ask(db, [tagblatt], NOON, said)
  return answer.kind === 'wrong' ? answer.fields.map(({ field, problem }) => [field, problem]) : []
}

describe('a request', () => {
  test('for several newsletters is one reader, a pending subscription each, and one mail that names all', async () => {
    expect(await ask(db, [tagblatt, zwei], NOON, { name: 'Eva', locale: 'en' })).toEqual(REQUESTED)

    const found = await db.execute(sql`
      select p.email, p.name, p.locale, s.state, s.confirmed_at
      from subscription s join subscriber p on p.id = s.subscriber_id order by s.id`)
    const reader = { email: EVA, name: 'Eva', locale: 'en', state: 'pending', confirmed_at: null }
    expect(found.rows).toEqual([reader, reader])
    expect(await mails(db)).toMatchObject([{ kind: 'confirmation', state: 'queued', subscriptionIds: [1, 2] }])
  })

  test('keeps what the reader was shown, which version of it, and from where they asked', async () => {
    await ask(db, [tagblatt], NOON, choosing({ hour: 18 }))
    const found = await db.execute(sql`
      select action, evidence, text_version, ip, user_agent, details from consent_record`)
    expect(found.rows).toEqual([
      {
        action: 'requested',
        evidence: SHOWN.shown,
        text_version: 'v1',
        ip: '192.0.2.7',
        user_agent: 'A/1',
        details: { by: 'reader', hour: 18, topics: [] },
      },
    ])
  })

  test('from a browser with an endless or broken name is kept all the same', async () => {
    const userAgent = `A\0\r\n${String.fromCharCode(0xd800)}${'b'.repeat(10_000)}`
    await ask(db, [tagblatt], NOON, { evidence: { ...SHOWN, userAgent, ip: null } })
    const found = await db.execute<{ agent: string }>(sql`select user_agent as agent, ip from consent_record`)
    expect(found.rows[0]).toMatchObject({ agent: expect.stringMatching(/^A \uFFFDb+$/), ip: null })
    expect(found.rows[0]?.agent).toHaveLength(500)
  })

  test('takes the schedule that is made', async () => {
    await ask(db, [tagblatt], NOON, choosing({ frequency: 'weekly', weekday: 5, hour: 18, zone: 'Asia/Kolkata' }))
    const found = await db.execute(sql`
      select c.frequency, c.weekday, c.hour, c.zone from subscription s join cohort c on c.id = s.cohort_id`)
    expect(found.rows).toEqual([{ frequency: 'weekly', weekday: 5, hour: 18, zone: 'Asia/Kolkata' }])
  })

  test('picks, in each newsletter, the topics it has', async () => {
    await addTopics(tagblatt, 'Politik', 'Sport')
    await addTopics(zwei, 'Sport')
    expect(await ask(db, [tagblatt, zwei], NOON, { topics: ['politik', ' SPORT'] })).toEqual(REQUESTED)

    expect((await readRow(db, 1)).topics).toEqual([1, 2])
    expect((await readRow(db, 2)).topics).toEqual([3])
    expect(await count(db, 'topic')).toBe(3)
  })

  test('leaves the schedule of another that is still pending, and gets a mail of its own where it wants something else', async () => {
    await ask(db, [tagblatt], NOON)
    await ask(db, [tagblatt], NOON, choosing({ frequency: 'weekly' }))
    await ask(db, [tagblatt], NOON, choosing({ frequency: 'weekly' }))
    const found = await db.execute(sql`
      select c.frequency from subscription s join cohort c on c.id = s.cohort_id`)
    expect(found.rows).toEqual([{ frequency: 'daily' }])
    expect(await mails(db)).toMatchObject([
      { dueAt: '2025-01-15T12:00:00Z', subscriptionIds: [1] },
      { dueAt: '2025-01-15T13:00:00Z', subscriptionIds: [1] },
    ])
  })
})

describe('the answer is the same', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['who is new', async () => {}],
    ['who is pending', () => ask(db, [tagblatt], NOON)],
    ['who has confirmed', () => join(db, [tagblatt], NOON)],
    [
      'who is paused',
      () => join(db, [tagblatt], NOON).then(() => db.execute(sql`update subscription set state = 'paused'`)),
    ],
    ['who unsubscribed', () => join(db, [tagblatt], NOON).then(() => leaveOne(db, 1, NOON))],
    ['who bounced', () => suppress(db, 'bounced', NOON)],
    ['who bounced long ago', () => suppress(db, 'bounced', NOON.subtract({ hours: 24 * 30 }))],
    ['who complained', () => suppress(db, 'complained', NOON)],
    ['who is blocked', () => suppress(db, 'manual', NOON)],
    ['who was erased', () => suppress(db, 'erased', NOON)],
  ])('for %s', async (_, before) => {
    await before()
    expect(await ask(db, [tagblatt], NOON)).toEqual(REQUESTED)
  })

  test('and nothing is kept of an address that is suppressed', async () => {
    await suppress(db, 'complained', NOON)
    const before = await dump(db)
    await ask(db, [tagblatt, zwei], NOON, { name: 'Eva', topics: [] })
    expect(await dump(db)).toBe(before)
  })
})

describe('a reader who has confirmed', () => {
  test('gets one mail for a second newsletter, and loses nothing of the first', async () => {
    await addTopics(tagblatt, 'Sport')
    await subscribe(
      db,
      wish(tagblatt, EVA, { confirmed: EVIDENCE, topics: ['Sport'], name: 'Eva', locale: 'de' }),
      NOON,
    )
    const before = await readRow(db, 1)

    await ask(db, [tagblatt, zwei], NOON, { ...choosing({ frequency: 'weekly' }), name: 'Mallory', locale: 'en' })

    expect(await readRow(db, 1)).toEqual(before)
    expect(await readRow(db, 2)).toMatchObject({ state: 'pending' })
    expect(await mails(db)).toMatchObject([{ kind: 'confirmation', subscriptionIds: [2] }])
    expect((await db.execute(sql`select name, locale from subscriber`)).rows).toEqual([{ name: 'Eva', locale: 'de' }])
    expect(await actions(db)).toEqual(['confirmed', 'requested'])
  })

  test('gets none for the one they have, and nothing is recorded', async () => {
    await join(db, [tagblatt], NOON)
    const before = await dump(db)
    await ask(db, [tagblatt], NOON.add({ hours: 2 }), choosing({ frequency: 'weekly' }))
    expect(await dump(db)).toBe(before)
  })
})

describe('a reader who left and asks again', () => {
  test('is pending until they confirm anew', async () => {
    await join(db, [tagblatt], NOON)
    await leaveOne(db, 1, NOON)
    await ask(db, [tagblatt], NOON.add({ hours: 1 }))

    expect(await readRow(db, 1)).toMatchObject({ state: 'pending' })
    const [again] = await sendMails(db, NOON.add({ hours: 1 }))
    await confirmMail(db, again ?? 0, NOON.add({ hours: 1 }))
    expect(await readRow(db, 1)).toMatchObject({ state: 'active' })
    expect(await actions(db)).toEqual(['requested', 'confirmed', 'unsubscribed', 'requested', 'confirmed'])
  })
})

describe('what is wrong is said beside its field, and nothing is kept', () => {
  test.each<[string, Partial<FormRequest>, string, string]>([
    ['no newsletter', { newsletterIds: [] }, 'newsletter', 'missing'],
    ['a newsletter that is not there', { newsletterIds: [1, 99] }, 'newsletter', 'unknown'],
    ['no address', { email: '  ' }, 'email', 'missing'],
    ['an address that is none', { email: 'eva' }, 'email', 'invalid'],
    ['two addresses', { email: 'eva@example.com, b@example.com' }, 'email', 'invalid'],
    ['an address with a header', { email: 'eva@example.com\r\nBcc: b@example.com' }, 'email', 'invalid'],
    ['an address with a null', { email: 'eva@example.com\0' }, 'email', 'invalid'],
    ['an endless address', { email: `${'e'.repeat(100_000)}@example.com` }, 'email', 'invalid'],
    ['an endless name', { name: 'n'.repeat(201) }, 'name', 'tooLong'],
    ['a frequency not offered', choosing({ frequency: 'instant' }), 'frequency', 'notOffered'],
    ['a topic that is none', { topics: ['Sport', 'Gossip'] }, 'topics', 'unknown'],
    ['a topic that is hidden', { topics: ['Intern'] }, 'topics', 'unknown'],
    ['a topic of another newsletter', { topics: ['Reisen'] }, 'topics', 'unknown'],
  ])('%s', async (_, said, field, problem) => {
    await addTopics(tagblatt, 'Sport', 'Intern')
    await addTopics(zwei, 'Reisen')
    await db.execute(sql`update topic set hidden = true where name = 'Intern'`)
    await db.execute(sql`update newsletter set frequencies = '{daily,weekly}'`)
    const before = await dump(db)

    expect(await wrongOf(said)).toEqual([[field, problem]])
    expect(await dump(db)).toBe(before)
  })

  test('all at once, with the address that was meant', async () => {
    const said = { email: 'eva@gmial.com.', name: 'n'.repeat(201), topics: ['Gossip'] }
    const answer = await ask(db, [tagblatt], NOON, said)
    expect(answer).toMatchObject({
      kind: 'wrong',
      fields: [
        { field: 'email', problem: 'invalid', suggestion: expect.stringContaining('@gmail.com') },
        { field: 'name' },
        { field: 'topics' },
      ],
    })
  })

  test('a newsletter that was deleted cannot be asked for', async () => {
    await db.execute(sql`update newsletter set state = 'deleted' where id = ${tagblatt.id}`)
    expect(await wrongOf({})).toEqual([['newsletter', 'unknown']])
  })

  test('a frequency must be one of every newsletter asked for', async () => {
    await db.execute(sql`update newsletter set frequencies = '{daily}' where id = ${zwei.id}`)
    expect(await ask(db, [tagblatt, zwei], NOON, choosing({ frequency: 'weekly' }))).toMatchObject({ kind: 'wrong' })
    expect(await count(db, 'subscription')).toBe(0)
  })

  test('a name is one line, whatever is typed', async () => {
    await ask(db, [tagblatt], NOON, { name: ' Eva\r\nBcc: b@example.com\0 ' })
    expect((await db.execute(sql`select name from subscriber`)).rows).toEqual([{ name: 'Eva Bcc: b@example.com' }])
  })
})
