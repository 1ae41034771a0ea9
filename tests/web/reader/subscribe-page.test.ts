import { eq, sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { newsletter } from '../../../src/db/schema/newsletter.ts'
import { consentRecord, notice, subscriber, subscription, suppression } from '../../../src/db/schema/subscriber.ts'
import { hashAddress, readHashKey } from '../../../src/subscribers/consent.ts'
import { anew } from '../../support/anew.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'
import { makeSite, textOf } from '../site.ts'

const { db } = await freshDatabase()
const site = await anew(() => makeSite(db))
const world = await anew(() => makeWorld(db, 'morgen'))

describe('the form', () => {
  test('about one newsletter names it, preselects its hour and zone, and offers its topics', async () => {
    await world.addTopic('Wirtschaft')
    await db.execute(sql`insert into topic (newsletter_id, key, name, hidden, created_at)
      values (${world.newsletterId}, 'geheim', 'Geheim', true, ${NOON.toString()})`)
    const html = await (await site.get('/subscribe')).text()
    expect(html).toContain('<h1>Der Morgen abonnieren</h1>')
    expect(html).toMatch(/name="frequency" value="daily" checked/)
    expect(html).toContain('<option value="7" selected>')
    expect(html).toContain('<option selected>Europe/Berlin</option>')
    expect(html).toContain('<option>Pacific/Kiritimati</option>')
    expect(html).toContain('name="topics[]" value="Wirtschaft"')
    expect(html).not.toContain('Geheim')
    expect(html).not.toMatch(/<script|style=|onclick/)
  })

  test('about several lets choose them; ?newsletter= is about that one', async () => {
    await makeWorld(db, 'abend')
    const several = await (await site.get('/subscribe')).text()
    expect(several).toContain('type="checkbox" name="newsletter" value="abend"')
    expect(several).toContain('type="checkbox" name="newsletter" value="morgen"')
    const one = await (await site.get('/subscribe?newsletter=abend')).text()
    expect(one).toContain('type="hidden" name="newsletter" value="abend"')
  })

  test('offers only the frequencies of the newsletter', async () => {
    await db.update(newsletter).set({ frequencies: ['daily', 'weekly'] })
    const html = await (await site.get('/subscribe')).text()
    expect([...html.matchAll(/name="frequency" value="(\w+)"/g)].map((match) => match[1])).toEqual(['daily', 'weekly'])
    const refused = await site.post('/subscribe', {
      newsletter: 'morgen',
      email: 'lea@example.net',
      frequency: 'instant',
    })
    expect(refused.status).toBe(422)
    expect(textOf(await refused.text())).toContain('Diesen Rhythmus gibt es hier nicht.')
  })

  test('a paused newsletter is not offered', async () => {
    await db.update(newsletter).set({ state: 'paused' })
    expect(textOf(await (await site.get('/subscribe')).text())).toContain('Zurzeit gibt es hier keinen Newsletter')
    const posted = await site.post('/subscribe', { newsletter: 'morgen', email: 'lea@example.net' })
    expect(posted.status).toBe(422)
    expect(await db.select().from(subscriber)).toEqual([])
  })
})

describe('what is asked for', () => {
  test('is stored as pending with all choices, one confirmation waits, and the worker is woken', async () => {
    await world.addTopic('Kultur')
    const answer = await site.post('/subscribe?lang=en', {
      newsletter: 'morgen',
      email: ' Lea@Example.net ',
      name: 'Lea Ärmel',
      'topics[]': 'Kultur',
      frequency: 'weekly',
      weekday: '3',
      hour: '18',
      timeZone: 'Asia/Kolkata',
    })
    expect(answer.status).toBe(200)
    const said = textOf(await answer.text())
    expect(said).toContain('We are sending a mail to Lea@example.net')
    expect(said).toContain('you will get Der Morgen')
    const [reader] = await db.select().from(subscriber)
    expect(reader).toMatchObject({ email: 'Lea@example.net', name: 'Lea Ärmel', locale: 'en' })
    const chosen = await db.execute(sql`select s.state, c.frequency, c.weekday, c.hour, c.zone, t.name
      from subscription s join cohort c on c.id = s.cohort_id join topic t on t.id = any(s.topics)`)
    expect(chosen.rows).toEqual([
      { state: 'pending', frequency: 'weekly', weekday: 3, hour: 18, zone: 'Asia/Kolkata', name: 'Kultur' },
    ])
    expect(await db.select().from(notice)).toHaveLength(1)
    expect(site.woken).toEqual(['notice'])
  })

  test('several newsletters get one confirmation', async () => {
    await makeWorld(db, 'abend')
    const answer = await site.post('/subscribe', { newsletter: ['morgen', 'abend'], email: 'lea@example.net' })
    expect(answer.status).toBe(200)
    const [asked, ...more] = await db.select().from(notice)
    expect(more).toEqual([])
    expect(asked?.payload).toMatchObject({ subscriptionIds: [expect.any(Number), expect.any(Number)] })
  })

  test('topics may be posted as topics, too; of several newsletters those that have them take them', async () => {
    await makeWorld(db, 'abend')
    const id = await world.addTopic('Kultur')
    const ask = (topics: string) =>
      site.post('/subscribe', { newsletter: ['morgen', 'abend'], email: 'kim@example.net', topics })
    expect((await ask('Neues')).status).toBe(422)
    expect((await ask('kultur')).status).toBe(200)
    const kept = await db.select({ topics: subscription.topics }).from(subscription).orderBy(subscription.newsletterId)
    expect(kept).toEqual([{ topics: [id] }, { topics: [] }])
  })

  test('is proved by the very words the page showed, their version, address and browser of the reader', async () => {
    const page = textOf(await (await site.get('/subscribe')).text())
    await site.post('/subscribe', { newsletter: 'morgen', email: 'lea@example.net' }, { 'user-agent': 'U'.repeat(400) })
    const [proof] = await db.select().from(consentRecord)
    expect(proof).toMatchObject({ action: 'requested', ip: '192.0.2.7', userAgent: 'U'.repeat(300) })
    const [sentence, button] = (proof?.evidence ?? '').split(/ \[|\]$/)
    expect(page).toContain(sentence?.replaceAll('\u00a0', ' '))
    expect(button).toBe('Abonnieren')
    expect(proof?.textVersion).toMatch(/^[0-9a-f]{12}$/)
  })

  test('a form on another site is taken, and its proof says where it stood, not what it showed', async () => {
    const headers = { origin: 'https://verlag.example', 'sec-fetch-site': 'cross-site' }
    expect((await site.post('/subscribe', { newsletter: 'morgen', email: 'lea@example.net' }, headers)).status).toBe(
      200,
    )
    const [proof] = await db.select().from(consentRecord)
    expect(proof?.evidence).toBe('Form of another site: https://verlag.example')
  })

  test('a mistyped domain is taken, and the likelier one named', async () => {
    const answer = await site.post('/subscribe', { newsletter: 'morgen', email: 'lea@gmial.com' })
    expect(answer.status).toBe(200)
    expect(textOf(await answer.text())).toContain('Meinten Sie lea@gmail.com?')
  })
})

describe('the answer says nothing about the address', () => {
  const ask = async () => {
    const answer = await site.post('/subscribe', { newsletter: 'morgen', email: 'lea@example.net' })
    const headers = Object.fromEntries(answer.headers)
    return { status: answer.status, headers, body: await answer.text() }
  }

  test('unknown, pending, confirmed, left and suppressed: the same status, headers and body', async () => {
    const unknown = await ask()
    expect(unknown.status).toBe(200)
    expect(await ask()).toEqual(unknown)
    await db.update(subscription).set({ state: 'active', confirmedAt: NOON })
    expect(await ask()).toEqual(unknown)
    await db.update(subscription).set({ state: 'unsubscribed', unsubscribedAt: NOON })
    expect(await ask()).toEqual(unknown)
    const emailHash = hashAddress(await readHashKey(db), 'lea@example.net')
    await db.insert(suppression).values({ emailHash, reason: 'complained', createdAt: NOON })
    expect(await ask()).toEqual(unknown)
  })

  test('a confirmed reader loses nothing', async () => {
    await ask()
    await db.update(subscription).set({ state: 'active', confirmedAt: NOON })
    await site.post('/subscribe', { newsletter: 'morgen', email: 'lea@example.net', frequency: 'monthly' })
    const [kept] = await db.select().from(subscription).where(eq(subscription.state, 'active'))
    expect(kept?.confirmedAt).toEqual(NOON)
  })
})

describe('the limits of a neighbourhood and of the hour', () => {
  const subscribeLimit = { requests: 2, seconds: 600 }
  const bodyOf = (email: string) => ({ newsletter: 'morgen', email })

  test('get the usual page and no mail, whichever server is asked', async () => {
    const servers = [1, 2].map(() =>
      makeSite(db, { config: { trustProxy: { kind: 'hops', hops: 1 }, subscribeLimit } }),
    )
    const pages: string[] = []
    for (let n = 0; n < 8; n += 1) {
      const headers = { 'x-forwarded-for': `2001:db8:7:${n}::1` }
      const answer = await servers[n % 2]?.post('/subscribe', bodyOf(`r${n}@web.de`), headers)
      expect(answer?.status).toBe(200)
      pages.push(textOf((await answer?.text()) ?? '').replace(`r${n}@`, ''))
    }
    expect(new Set(pages).size).toBe(1)
    expect(await db.select().from(notice)).toHaveLength(4)
  })

  test('say in the log, once, that the budget of the hour is spent, and no address', async () => {
    const few = makeSite(db, { config: { subscribeBudget: 2 } })
    for (let n = 0; n < 5; n += 1) await few.post('/subscribe', bodyOf(`r${n}@web.de`))
    expect(few.logged.filter((line) => line.includes('subscribe.budget_spent'))).toHaveLength(1)
    expect(few.logged.join()).not.toContain('web.de')
    expect(await db.select().from(notice)).toHaveLength(2)
  })
})

describe('the limit', () => {
  test('counts each network and says how long to wait; GET is not counted', async () => {
    const limited = makeSite(db, { config: { subscribeLimit: { requests: 2, seconds: 600 } } })
    const ask = () => limited.post('/subscribe', { newsletter: 'morgen', email: '' })
    expect([(await ask()).status, (await ask()).status]).toEqual([422, 422])
    const refused = await ask()
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(500)
    expect(textOf(await refused.text())).toContain('in 10 Minuten')
    expect((await limited.get('/subscribe')).status).toBe(200)
  })
})
