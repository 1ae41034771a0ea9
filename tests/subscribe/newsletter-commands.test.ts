import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { courantOn } from './commanding.ts'
import { NOON } from './fixtures.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
})
beforeEach(() => database.truncate())
afterAll(() => database.close())

const courant = (...words: string[]) => courantOn(database.db)(...words)
const addTagblatt = () =>
  courant('newsletter', 'add', '--slug', 'tagblatt', '--name', 'Tagblatt', '--imprint', 'Verlag')
const wrongUsage = { code: 'usage' }

describe('courant newsletter', () => {
  test('add takes MAIL_FROM as sender, and warns where there is no imprint', async () => {
    const { results, warnings } = await courant('newsletter', 'add', '--slug', 'tagblatt', '--name', 'Tagblatt')

    expect(results).toEqual([
      {
        slug: 'tagblatt',
        name: 'Tagblatt',
        locale: 'de',
        zone: 'Europe/Berlin',
        hour: 7,
        from: 'Haus <haus@verlag.example>',
        replyTo: null,
        imprint: null,
        rhythm: 'daily',
        rhythms: ['instant', 'daily', 'weekdays', 'weekly', 'monthly'],
        maxArticles: 12,
        minArticles: 1,
        accent: '#1a5276',
        headlineFont: 'serif',
        intro: null,
        state: 'active',
        createdAt: NOON.toString(),
      },
    ])
    expect(warnings).toEqual([expect.stringContaining('no imprint')])
    expect(
      (await courant('newsletter', 'add', '--slug', 'zwei', '--name', 'Zwei', '--imprint', 'Verlag')).warnings,
    ).toEqual([])
  })

  test('set and show say all fields, list says a line each', async () => {
    await addTagblatt()
    const options = [
      '--hour',
      '18',
      '--zone',
      'Europe/Vienna',
      '--reply-to',
      'post@verlag.example',
      '--max-articles',
      '20',
    ]
    const more = [
      '--accent',
      '#123456',
      '--headline-font',
      'sans',
      '--intro',
      'Guten Abend',
      '--from',
      'Abend <a@verlag.example>',
    ]
    const expected = {
      hour: 18,
      zone: 'Europe/Vienna',
      replyTo: 'post@verlag.example',
      maxArticles: 20,
      accent: '#123456',
      headlineFont: 'sans',
      intro: 'Guten Abend',
      from: 'Abend <a@verlag.example>',
    }

    expect((await courant('newsletter', 'set', 'tagblatt', ...options, ...more)).results).toMatchObject([expected])
    expect((await courant('newsletter', 'show', 'tagblatt')).results).toMatchObject([expected])
    await courant('newsletter', 'add', '--slug', 'abend', '--name', 'Abend', '--imprint', 'Verlag')
    expect((await courant('newsletter', 'list')).results).toMatchObject([{ slug: 'abend' }, expected])
  })

  test('a wrong value is wrong usage, and all are named', async () => {
    await addTagblatt()
    await expect(courant('newsletter', 'set', 'tagblatt', '--hour', '25', '--rhythm', 'hourly')).rejects.toMatchObject({
      ...wrongUsage,
      message: expect.stringMatching(/hour.*rhythm/),
    })
    await expect(courant('newsletter', 'add', '--name', 'Tagblatt')).rejects.toMatchObject({ name: 'CommanderError' })
    await expect(courant('newsletter', 'show', 'zwei')).rejects.toMatchObject({ code: 'newsletter.unknown' })
  })
})
