import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { importSubscribers } from '../../../src/subscribers/import/import.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { actions, addTagblatt, count, freshTagblatt, NOON } from '../fixtures.ts'
import { counts, FRIDAYS, HEADER, openImportFolder, readAll, readRejects, watching } from './importing.ts'

const { db } = await freshDatabase()
await freshTagblatt(db)
const folder = openImportFolder()

const importText = (text: string | Buffer, newsletter?: string) => folder.importText(db, text, newsletter)

describe('importSubscribers', () => {
  test('reads every column, in any order', async () => {
    const result = await importText(
      'evidence,confirmedAt,timeZone,hour,weekday,frequency,topics,newsletter,locale,name,email\n' +
        'card of May,2024-05-01T10:00:00Z,asia/kolkata,18,5,weekly,"Sport;Küche",tagblatt,en,Eva  B.,eva@example.com\n',
    )

    expect(result).toEqual(counts({ rows: 1, added: 1 }))
    expect(await readAll(db)).toMatchObject([
      {
        email: 'eva@example.com',
        name: 'Eva B.',
        locale: 'en',
        newsletter: 'tagblatt',
        state: 'active',
        ...FRIDAYS,
        topics: ['Küche', 'Sport'],
      },
    ])
    const kept = await db.execute(sql`
      select c.action, c.evidence, s.confirmed_at at time zone 'UTC' as confirmed_at from consent_record c join subscription s on s.id = c.subscription_id`)
    expect(kept.rows).toEqual([
      { action: 'imported', evidence: 'card of May', confirmed_at: expect.stringMatching(/^2024-05-01 10:00:00/) },
    ])
  })

  test.each([
    ['commas', 'email,name,topics\neva@example.com,Eva,Sport|Küche\n'],
    ['semicolons', 'email;name;topics\r\neva@example.com;Eva;"Sport;Küche"\r\n'],
    ['tabs', 'email\tname\ttopics\neva@example.com\tEva\tSport,Küche'],
    ['a byte order mark', '\uFEFFemail,name,topics\neva@example.com,Eva,"Sport,Küche"\n'],
    ['quoted names of columns', '"email","name","topics"\n"eva@example.com","Eva","Sport, Küche"\n'],
    ['other spellings of columns', 'E-Mail;NAME;Topics\neva@example.com; Eva ;Sport|Küche\n'],
    ['blank lines', '\n\nemail,name,topics\n\neva@example.com,Eva,Sport|Küche\n,,\n\n'],
    ['short rows and empty cells too many', 'email,name,topics,hour\neva@example.com,Eva,Sport|Küche\n'],
  ])('takes %s', async (_, text) => {
    expect(await importText(text)).toMatchObject({ rows: 1, pending: 1, rejectsFile: null })
    expect(await readAll(db)).toMatchObject([{ email: 'eva@example.com', name: 'Eva', topics: ['Küche', 'Sport'] }])
  })

  test.each([
    ['2024-05-01T10:00:00Z', '2024-05-01T10:00:00Z'],
    ['2024-05-01T10:00:00+02:00', '2024-05-01T08:00:00Z'],
    ['2024-05-01 10:00', '2024-05-01T08:00:00Z'],
    ['2024-05-01', '2024-04-30T22:00:00Z'],
  ])('takes %s as the time of consent, in the newsletter’s zone where it names none', async (written, meant) => {
    await importText(`${HEADER}\neva@example.com,${written},card\n`)
    expect((await readAll(db))[0]?.confirmedAt?.toString()).toBe(meant)
  })

  test('without time and evidence of consent a row is pending and gets one confirmation mail', async () => {
    const result = await importText(`${HEADER}\na@example.com,,\nb@example.com,2024-05-01,\nc@example.com,,card\n`)

    expect(result).toMatchObject({ rows: 3, added: 0, pending: 3 })
    expect((await readAll(db)).map((one) => one.state)).toEqual(['pending', 'pending', 'pending'])
    expect(await count(db, `notice where kind = 'confirmation' and state = 'queued'`)).toBe(3)
    expect(await actions(db)).toEqual(['requested', 'requested', 'requested'])
  })

  test('rejects what cannot be kept, beside the file, with line and reasons, ready to be corrected and imported', async () => {
    const result = await importText(
      Buffer.concat([
        Buffer.from(`email,name,newsletter,locale,frequency,weekday,hour,timeZone,confirmedAt,evidence
nobody,,,,,,,,,
a@example.com,,zwei,fr,hourly,8,24,Berlin,yesterday,card
b@example.com,"Two
lines",,,,,,,,
c@example.com,,,,,,,,2099-01-01,card
d@example.com,`),
        Buffer.from('\ufffd,,,,,,,,\ne@example.com,\0,,,,,,,,\n'),
      ]),
    )

    expect(result).toMatchObject({ rows: 6, pending: 1, rejected: 5, rejectsFile: folder.path('readers.rejects.csv') })
    expect(readRejects(result).map((line) => line.split(',').slice(0, 2).join(' '))).toEqual([
      'line reason',
      '2 The address is wrong: It has no @.',
      expect.stringMatching(
        /^3 "?There is no such newsletter\. The locale takes de or en\. The frequency takes one of instant/,
      ),
      '6 confirmedAt lies in the future.',
      '7 The row has characters that are no text.',
      '8 The row has characters that are no text.',
    ])
    expect(readRejects(result)[2]).toMatch(/weekday.*hour.*time zone.*confirmedAt/)

    const corrected = `${readRejects(result)[0]}\n2,x,nobody@example.com\n`
    expect(await importText(corrected)).toMatchObject({ rows: 1, pending: 1, rejectsFile: null })
    expect(folder.unknown()).toEqual(['line', 'reason'])
  })

  test('forgets the rejects of an earlier run', async () => {
    const result = await importText('email\nnobody\n')
    await importText('email\neva@example.com\n')
    expect(() => readRejects(result)).toThrow(/ENOENT/)
  })

  test('puts each row into its newsletter, and rows that name none into the one that is meant', async () => {
    await addTagblatt(db, { slug: 'zwei' })
    const named = 'email,newsletter\na@example.com,tagblatt\na@example.com,zwei\nb@example.com,\n'

    expect(await importText(named)).toMatchObject({ rows: 3, pending: 2, rejected: 1 })
    expect(await importText(named, 'zwei')).toMatchObject({ rows: 3, pending: 1, unchanged: 2, rejected: 0 })
    expect((await readAll(db)).map((one) => `${one.email} ${one.newsletter}`)).toEqual([
      'a@example.com tagblatt',
      'a@example.com zwei',
      'b@example.com zwei',
    ])
    // One mail asks for both newsletters.
    expect(await count(db, 'notice')).toBe(2)
    await expect(importText('email\na@example.com\n')).rejects.toMatchObject({ code: 'newsletter.ambiguous' })
    await expect(importText('email\na@example.com\n', 'drei')).rejects.toMatchObject({ code: 'newsletter.unknown' })
  })

  test('says what is wrong with a file that is no list of subscribers', async () => {
    await expect(importText('eva@example.com,Eva\n')).rejects.toMatchObject({ code: 'import.header' })
    await expect(importText('name,topics\nEva,Sport\n')).rejects.toMatchObject({ code: 'import.header' })
    await expect(importText('email,e-mail\n')).rejects.toMatchObject({ code: 'import.header' })
    await expect(importText('')).rejects.toMatchObject({ code: 'import.header' })
    const order = { file: folder.path('none.csv'), newsletter: null }
    const importNothing = importSubscribers(db, order, watching(), handClock(NOON))
    await expect(importNothing).rejects.toMatchObject({ code: 'import.file' })
  })
})
