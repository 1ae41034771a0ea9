import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subscriber } from '../../src/db/schema/subscriber.ts'
import { corpora, readCases } from '../support/corpora.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { makeWorld } from '../support/world.ts'
import { dump, makeSite, type TestSite, textOf } from './site.ts'

let database: TestDatabase
let site: TestSite

async function settleWorld(): Promise<void> {
  await database.truncate()
  const world = await makeWorld(database.db, 'morgen')
  await world.addTopic('Kultur')
}

/** The tables a form may write to. */
const WRITTEN = ['subscriber', 'subscription', 'consent_record', 'notice', 'topic', 'cohort', 'opt_in']
const stored = (all: Awaited<ReturnType<typeof dump>>) => WRITTEN.map((name) => [name, all[name]])

beforeAll(async () => {
  database = await openTestDatabase()
  await settleWorld()
  site = makeSite(database.db)
})
afterAll(() => database.close())

const FIELDS = ['newsletter', 'email', 'name', 'topics[]', 'frequency', 'weekday', 'hour', 'timeZone'] as const
type Field = (typeof FIELDS)[number]

const RIGHT: Readonly<Record<Field, string>> = {
  newsletter: 'morgen',
  email: 'lea@example.net',
  name: 'Lea',
  'topics[]': 'Kultur',
  frequency: 'daily',
  weekday: '1',
  hour: '7',
  timeZone: 'Europe/Berlin',
}

const HOSTILE: readonly string[] = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  "'></textarea><svg/onload=alert(1)>",
  '{{ 7 | times: 7 }}{% raw %}{% endraw %}',
  'lea\0@example.net',
  'lea@example.net\r\nBcc: all@example.net',
  'lea@exam\nple.net',
  'lea@example.net, kim@example.net',
  'lea@example.net <kim@example.net>',
  "'; drop table subscriber; --",
  'x'.repeat(10_000),
  `${'x'.repeat(300)}@example.net`,
  '\u202egro.elpmaxe@ael',
]

/** No payload stands in the page as markup: what was typed is there escaped, or not at all. */
function expectInert(html: string): void {
  const attributes = html.replace(/="[^"]*"/g, '=""')
  expect(attributes).not.toMatch(/<(script|img|svg|iframe|object|embed|math|base)\b/i)
  expect(attributes).not.toMatch(/\son\w+\s*=/i)
  expect(html).not.toMatch(/(href|src|action)="\s*(javascript|data):/i)
}

/** Beside the field, as assistive technology hears it: the field points to the sentence, and the sentence is there. */
function expectSentenceBeside(html: string, field: Field): void {
  const id = `${field.replace('[]', '')}-wrong`
  const sentence = new RegExp(`<small class="wrong" id="${id}">([^<]+)</small>`).exec(html)?.[1]
  expect(sentence, `a sentence beside ${field}`).toMatch(/^[A-ZÄÖÜ].*[.?]$/s)
}

describe.each(FIELDS)('the field %s', (field) => {
  test('hostile values are inert, or refused with a sentence beside it, and nothing of them is stored', async () => {
    const before = await dump(database.db)
    let taken = 0
    for (const [n, payload] of HOSTILE.entries()) {
      const answer = await site.post('/subscribe', { ...RIGHT, email: `lea${n}@example.net`, [field]: payload })
      const html = await answer.text()
      expectInert(html)
      if (answer.status === 422) expectSentenceBeside(html, field)
      else taken += 1
    }
    const names = await database.db.select({ name: subscriber.name }).from(subscriber)
    expect(names).toHaveLength(taken)
    if (field !== 'name') return expect(stored(await dump(database.db))).toEqual(stored(before))
    for (const { name } of names) {
      expect(HOSTILE).toContain(name)
      expect(name).not.toMatch(/[\r\n\0]/)
    }
    await settleWorld()
  })

  const others = Object.entries(RIGHT).filter(([name]) => name !== field)
  const expectRefused = async (body: Buffer, type: string) => {
    const headers = { 'content-type': type }
    const answer = await site.app.request('/subscribe', { method: 'POST', body: new Uint8Array(body), headers })
    expect(answer.status).toBe(422)
    expectSentenceBeside(await answer.text(), field)
  }

  test('octets that are not UTF-8 are refused beside it, percent-encoded or raw', async () => {
    const before = await dump(database.db)
    for (const octets of ['%FC%E4', '%C3', '%ED%A0%80', '\xfc']) {
      const body = Buffer.from(`${new URLSearchParams(others)}&${encodeURIComponent(field)}=M${octets}ller`, 'latin1')
      await expectRefused(body, 'application/x-www-form-urlencoded')
    }
    expect(await dump(database.db)).toEqual(before)
  })

  test('what is not UTF-8 in multipart is refused beside it, and so is a file', async () => {
    const before = await dump(database.db)
    const part = (name: string, value: Buffer | string, extra = '') =>
      Buffer.concat([
        Buffer.from(`--b\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n`),
        Buffer.from(value),
        Buffer.from('\r\n'),
      ])
    const right = others.map(([name, value]) => part(name, value))
    const latin = Buffer.from('Müller', 'latin1')
    for (const bad of [part(field, latin), part(field, 'x', '; filename="x.txt"')])
      await expectRefused(Buffer.concat([...right, bad, Buffer.from('--b--\r\n')]), 'multipart/form-data; boundary=b')
    expect(await dump(database.db)).toEqual(before)
  })
})

describe('what was typed', () => {
  test('is kept beside the sentence of what is wrong', async () => {
    const answer = await site.post('/subscribe', {
      ...RIGHT,
      email: 'lea@',
      name: 'Lea "L." <O>',
      hour: '18',
      frequency: 'weekly',
    })
    const html = await answer.text()
    expect(html).toContain('value="lea@"')
    expect(html).toContain('aria-invalid="true" aria-describedby="email-wrong"')
    expect(html).toContain('value="Lea &#34;L.&#34; &lt;O&gt;"')
    expect(html).toMatch(/value="weekly" checked/)
    expect(html).toContain('<option value="18" selected>')
    expect(html).toMatch(/value="Kultur" checked/)
    expect(textOf(html)).toContain('Bitte ändern Sie eine Angabe.')
  })

  test.each(['email', 'name', 'frequency', 'hour'] as const)('a %s that comes twice is refused', async (field) => {
    const before = await dump(database.db)
    const answer = await site.post('/subscribe', { ...RIGHT, [field]: [RIGHT[field], 'kim@example.net'] })
    expect(answer.status).toBe(422)
    expectSentenceBeside(await answer.text(), field)
    expect(await dump(database.db)).toEqual(before)
  })

  test('an unknown newsletter, topic or zone makes none', async () => {
    const before = await dump(database.db)
    for (const wrong of [
      { newsletter: 'abend' },
      { newsletter: ['morgen', 'abend'] },
      { 'topics[]': 'Neu' },
      { timeZone: '+02:00' },
    ]) {
      expect((await site.post('/subscribe', { ...RIGHT, ...wrong })).status).toBe(422)
    }
    expect(await dump(database.db)).toEqual(before)
  })
})

describe('a body that is no form of ours', () => {
  test.each([
    ['more than 64 KB', 413, 'application/x-www-form-urlencoded', `name=${'x'.repeat(70_000)}`],
    ['JSON', 415, 'application/json', '{"email":"lea@example.net"}'],
    ['plain text', 415, 'text/plain', 'email=lea@example.net'],
    ['no type', 415, '', 'email=lea@example.net'],
    ['another charset', 415, 'application/x-www-form-urlencoded; charset=iso-8859-1', 'email=lea@example.net'],
    ['a torn multipart', 400, 'multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; na'],
    ['a multipart without boundary', 400, 'multipart/form-data', '--b--'],
  ] as const)('%s: %i, with a sentence', async (_, status, type, body) => {
    const before = await dump(database.db)
    for (const path of ['/subscribe', `/unsubscribe/${site.token('unsubscribe', 1)}`]) {
      const answer = await site.post(path, body, { 'content-type': type })
      expect(answer.status).toBe(status)
      expect(textOf(await answer.text())).toMatch(/Bitte /)
    }
    expect(await dump(database.db)).toEqual(before)
  })

  test('a thousand fields and nonsense names do no harm', async () => {
    const body = Array.from({ length: 2_500 }, (_, n) => `__proto__%5B${n}%5D=1`).join('&')
    expect((await site.post('/subscribe', body)).status).toBe(422)
    expect((await site.post('/subscribe', '%FF=1')).status).toBe(400)
    expect((await site.post('/subscribe', '&&==&=&%')).status).toBe(422)
  })
})

describe.skipIf(corpora === null)('published payloads (COURANT_CORPORA names their folder)', () => {
  type Payloads = { readonly payloads: readonly { readonly payload: string }[] }

  test('are inert in the fields that are shown again', async () => {
    for (const { payload } of readCases<Payloads>('xss.json').payloads) {
      const answer = await site.post('/subscribe', { ...RIGHT, email: payload, name: payload, timeZone: payload })
      expect(answer.status).toBe(422)
      expectInert(await answer.text())
    }
  }, 60_000)

  test('each address is taken or refused, and none breaks the page', async () => {
    type Addresses = { readonly cases: readonly { readonly address: string; readonly expected: string }[] }
    const wrong: string[] = []
    for (const { address, expected } of readCases<Addresses>('emails.json').cases) {
      const { status } = await site.post('/subscribe', { ...RIGHT, email: address })
      if (status !== 200 && status !== 422) wrong.push(`${status} ${JSON.stringify(address)}`)
      if (expected === 'invalid' && status === 200) wrong.push(`taken ${JSON.stringify(address)}`)
      if (expected === 'valid' && status === 422) wrong.push(`refused ${JSON.stringify(address)}`)
    }
    expect(wrong).toEqual([])
  }, 60_000)
})
