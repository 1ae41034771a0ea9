import { writeFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { acceptImport, importFile } from '../../../src/commands/subscriber-import.ts'
import { findNewsletter } from '../../../src/newsletters/newsletters.ts'
import { importSubscribers } from '../../../src/subscribers/import/import.ts'
import type { ImportForecast } from '../../../src/subscribers/import/passes.ts'
import { subscribe } from '../../../src/subscribers/signup/subscribe.ts'
import { courantOn, deskOf } from '../../commands/commanding.ts'
import { handClock } from '../../support/clock.ts'
import { contextOf } from '../../support/command-line.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { actions, addTagblatt, count, EVIDENCE, freshTagblatt, NOON, wish } from '../fixtures.ts'
import { suppress } from '../readers.ts'
import { counts, openImportFolder, PROOF, readAll, watching } from './importing.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const folder = openImportFolder()
const courant = courantOn(db)
const file = folder.path('list.csv')

const MIXED = `email,confirmedAt,evidence\na@x.example,${PROOF}\nb@x.example,,\nc@x.example,,\nB@x.example,,\nnobody,,\n`
const mails = () => count(db, 'notice')

/** What an import foretells, and whether anything was written by then. */
async function foretell(text: string): Promise<ImportForecast & { readonly written: number }> {
  writeFileSync(file, text)
  const told: (ImportForecast & { written: number })[] = []
  const watch = watching({
    accept: async (forecast) => {
      told.push({ ...forecast, written: await count(db, 'consent_record') })
      throw new Error('no')
    },
  })
  await expect(importSubscribers(db, { file, newsletter: null }, watch, handClock(NOON))).rejects.toThrow('no')
  const [forecast] = told
  if (forecast === undefined) throw new Error('it said nothing')
  return forecast
}

describe('the number said before an import', () => {
  test('is that of readers with proof, and of those who would be asked to confirm; nothing is written by then', async () => {
    const sums = { rows: 5, added: 1, pending: 2, known: 0, duplicates: 1, rejected: 1 }
    expect(await foretell(MIXED)).toEqual({ ...sums, asked: 2, written: 0 })
    expect(await count(db, 'subscriber')).toBe(0)
  })

  test('counts nobody who is known, unsubscribed, suppressed, or has had all the mails they may get for now', async () => {
    for (const name of ['active', 'unsubscribed', 'pending']) {
      const confirmed = name === 'pending' ? null : EVIDENCE
      await subscribe(db, wish(tagblatt, `${name}@x.example`, { confirmed }), NOON)
    }
    await db.execute(sql`update subscription s set state = 'unsubscribed' from subscriber p where p.id = s.subscriber_id
      and p.email = 'unsubscribed@x.example'`)
    await suppress(db, 'bounced', NOON, 'bounced@x.example')
    await db.execute(sql`insert into opt_in (email_hash, at)
      select (select email_hash from subscriber where email = 'pending@x.example'), ${NOON.toString()}::timestamptz + n * interval '1 hour'
      from generate_series(1, 4) as n`)
    await db.execute(sql`delete from notice`)

    const rows = ['active', 'unsubscribed', 'pending', 'bounced', 'new'].map((name) => `${name}@x.example`)
    const forecast = await foretell(`email\n${rows.join('\n')}\n`)
    expect(forecast).toMatchObject({ rows: 5, added: 0, pending: 1, known: 2, rejected: 2, asked: 1 })
  })

  test('leaves out who is not to be mailed by a later row', async () => {
    const forecast = await foretell(
      'email,status\na@x.example,active\nb@x.example,active\nc@x.example,\nA@x.example,bounced\n',
    )
    expect(forecast).toMatchObject({ rows: 4, pending: 2, rejected: 2, asked: 2 })
  })

  test('is one mail for a reader of several newsletters, and one row for each address, a thousand rows apart too', async () => {
    await addTagblatt(db, { slug: 'zwei' })
    const rows = Array.from({ length: 1_200 }, (_, index) => `r${index}@x.example,tagblatt`)
    const again = ['R3@x.example,tagblatt', 'r3@x.example,zwei', 'r4@x.example,zwei', 'new@x.example,zwei']
    const text = `email,newsletter\n${[...rows, ...again].join('\n')}\n`
    expect(await foretell(text)).toMatchObject({ rows: 1_204, pending: 1_203, duplicates: 1, asked: 1_201 })
    expect(await folder.importText(db, text)).toEqual(counts({ rows: 1_204, pending: 1_203, duplicates: 1 }))
    expect(await mails()).toBe(1_201)
  })
})

describe('courant subscriber import', () => {
  const importList = (...words: readonly string[]) => courant('subscriber', 'import', file, ...words)

  test('with --yes sends one confirmation mail to each reader without proof, and says so before', async () => {
    writeFileSync(file, MIXED)
    const { results, warnings, texts } = await importList('--yes')
    const rejectsFile = folder.path('list.rejects.csv')
    expect(results).toEqual([counts({ rows: 5, added: 1, pending: 2, duplicates: 1, rejected: 1, rejectsFile })])
    expect(texts).toEqual([
      `5 rows: 1 added, 0 updated, 0 unchanged, 1 duplicates, 2 pending, 1 rejected (see ${rejectsFile})`,
    ])
    expect(warnings).toEqual([
      '5 rows: 1 become active with proof of consent, 2 stay pending, 0 known already, 1 repeated, 1 rejected. 2 readers would be asked to confirm by mail.',
    ])
    expect(await mails()).toBe(2)
  })

  test('in a script without --yes imports all, mails nobody and says how to', async () => {
    writeFileSync(file, MIXED)
    const { results, warnings } = await importList()
    expect(results).toMatchObject([{ rows: 5, added: 1, pending: 2, duplicates: 1, rejected: 1 }])
    expect(warnings.at(-1)).toBe('2 readers have not been asked to confirm yet: add --yes to send these mails.')
    expect((await readAll(db)).map(({ state }) => state)).toEqual(['active', 'pending', 'pending'])
    expect(await mails()).toBe(0)

    expect((await importList()).results).toMatchObject([{ rows: 5, unchanged: 3, duplicates: 1, rejected: 1 }])
    expect(await mails()).toBe(0)
    // Who was never asked is asked by the import that may, and by no other one.
    expect((await importList('--yes')).results).toMatchObject([
      { unchanged: 1, pending: 2, duplicates: 1, rejected: 1 },
    ])
    expect(await mails()).toBe(2)
    expect((await importList('--yes')).results).toMatchObject([
      { unchanged: 3, pending: 0, duplicates: 1, rejected: 1 },
    ])
    expect(await mails()).toBe(2)
    expect(await actions(db)).toEqual(['imported', 'requested', 'requested', 'requested', 'requested'])
  })

  test('says which columns it leaves out, and that it had to guess the encoding', async () => {
    writeFileSync(file, Buffer.from('email,name,age\na@x.example,Jürgen,30\n', 'latin1'))
    const { warnings } = await importList()
    expect(warnings.slice(0, 2)).toEqual(['Ignored columns: age', 'Lines that are not UTF-8 are read as windows-1252.'])
  })

  test.each([
    ['it has only a header', 'email,name\n', 0],
    ['every row is rejected', 'email,status\na@x.example,bounced\nnobody,\n', 2],
  ])('fails where nothing came in because %s, and gives the counts all the same', async (_, text, rejected) => {
    writeFileSync(file, text)
    const printed: unknown[] = []
    const context = contextOf(
      deskOf(db),
      (result) => printed.push(result),
      () => {},
    )
    await expect(importFile(context, file, {})).rejects.toMatchObject({
      code: 'import.nothing',
      todo: expect.stringMatching(/Correct/),
    })
    expect(printed).toMatchObject([{ rows: rejected, rejected, added: 0, pending: 0 }])
  })

  test('goes into the newsletter that is named', async () => {
    await addTagblatt(db, { slug: 'zwei' })
    writeFileSync(file, MIXED)
    await expect(importList()).rejects.toMatchObject({ code: 'newsletter.ambiguous' })
    await importList('--newsletter', 'zwei')
    const { id } = await findNewsletter(db, 'zwei')
    expect(await count(db, `subscription where newsletter_id = ${id}`)).toBe(3)
  })
})

describe('the question of an import on a terminal', () => {
  const forecast = { rows: 3, added: 1, pending: 1, known: 1, duplicates: 0, rejected: 0, asked: 1 }

  /** What is asked of somebody who types this answer. */
  async function answer(typed: string, said: Partial<ImportForecast> = {}, isTTY = true) {
    const input = Object.assign(new PassThrough(), { isTTY })
    const output = Object.assign(new PassThrough(), { isTTY })
    input.end(typed)
    const mails = await acceptImport({ ...forecast, ...said }, false, { input, output }).catch(({ code }) => code)
    return { mails, question: String(output.read() ?? '') }
  }

  test('names the mails, and only a yes sends them', async () => {
    expect(await answer('y\n')).toEqual({
      mails: 'send',
      question: 'Import them and send 1 confirmation mail? [y/N] ',
    })
    for (const typed of ['n\n', '\n', '']) expect((await answer(typed)).mails).toBe('declined')
  })

  test('is not asked where nobody new would be mailed, nor in a script', async () => {
    expect(await answer('', { added: 0, asked: 0 })).toEqual({ mails: 'withhold', question: '' })
    expect(await answer('', {}, false)).toEqual({ mails: 'withhold', question: '' })
  })
})
