import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { afterEach, describe, expect, test } from 'vitest'
import { importSubscribers } from '../../../src/subscribers/import/import.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { addTagblatt, count, freshTagblatt, NOON } from '../fixtures.ts'
import { counts, HEADER, openImportFolder, PROOF, readAll, watching } from './importing.ts'

const { db, engine } = await freshDatabase()
await freshTagblatt(db)
const folder = openImportFolder()
const file = folder.path('list.csv')
/** A clock that does not make a test wait. */
const clock = { now: () => NOON, monotonicMs: () => 0, sleep: async () => {} }

const importList = (said: Parameters<typeof watching>[0] = {}) =>
  importSubscribers(db, { file, newsletter: null }, watching(said), clock)

const READERS = Array.from({ length: 1_100 }, (_, index) => `reader${index}@example.com,${PROOF}`)
const LIST = `${HEADER}\n${READERS.join('\n')}\n`

/** Lets the database fail with this SQLSTATE, `times` times, when the reader of a number is added. */
async function failAt(reader: number, code: string, times: number): Promise<void> {
  await db.execute(sql`drop sequence if exists failures`)
  await db.execute(sql`create sequence failures`)
  const fault =
    code === 'killed' ? `perform pg_terminate_backend(pg_backend_pid())` : `raise 'it failed' using errcode = '${code}'`
  await db.execute(
    sql.raw(`create or replace function fail() returns trigger language plpgsql as $$
      begin if new.email = 'reader${reader}@example.com' and nextval('failures') <= ${times} then ${fault}; end if; return new; end $$`),
  )
  await db.execute(sql`create or replace trigger fail before insert on subscriber for each row execute function fail()`)
}

afterEach(async () => {
  await db.execute(sql`drop trigger if exists fail on subscriber`)
})

describe('an import whose database fails', () => {
  test.each(['40P01', '40001', '57P01', '53300', '25006', '08006', '55P03'])(
    'for a passing reason (%s) goes on where it was',
    async (code) => {
      writeFileSync(file, `${HEADER}\nreader0@example.com,${PROOF}\nreader1@example.com,\n`)
      await failAt(1, code, 3)
      expect(await importList()).toEqual(counts({ rows: 2, added: 1, pending: 1 }))
      expect(await count(db, 'consent_record')).toBe(2)
      expect(await count(db, 'notice')).toBe(1)
    },
  )

  test.runIf(engine === 'postgres')('by losing the connection goes on by another', async () => {
    writeFileSync(file, LIST)
    await failAt(1_050, 'killed', 2)
    expect(await importList()).toEqual(counts({ rows: 1_100, added: 1_100 }))
  })

  test.each([
    ['for good', '23514', 1],
    ['as often as it is repeated', '40P01', 100],
  ])(
    '%s stops, says what is stored, leaves nothing half done, and is completed by the same import',
    async (_, code, times) => {
      await addTagblatt(db, { slug: 'zwei' })
      const rows = READERS.map((row, index) => `${row},${index % 2 === 0 ? 'tagblatt' : 'zwei'}`)
      writeFileSync(file, `${HEADER},newsletter\n${['nobody,,,', ...rows].join('\n')}\n`)
      await failAt(1_050, code, times)
      await expect(importList()).rejects.toMatchObject({
        code: 'import.stopped',
        message: 'The import stopped: rows up to line 1001 of the file are stored. it failed',
        todo: expect.stringMatching(/run the same command again/),
      })
      expect(await count(db, 'subscription')).toBe(999)
      expect(await count(db, 'consent_record')).toBe(999)

      await db.execute(sql`drop trigger fail on subscriber`)
      expect(await importList()).toMatchObject({ rows: 1_101, added: 101, unchanged: 999, rejected: 1 })
      expect(new Set((await readAll(db)).map(({ email }) => email)).size).toBe(1_100)
      expect(await count(db, 'consent_record')).toBe(1_100)
      const members = await db.execute(sql`select sum(members)::integer as members from cohort`)
      expect(members.rows).toEqual([{ members: 1_100 }])
    },
  )

  test('before anything is stored says that nothing is', async () => {
    writeFileSync(file, LIST)
    await failAt(3, '23514', 1)
    await expect(importList()).rejects.toMatchObject({ message: 'The import stopped: nothing was stored. it failed' })
    expect(await count(db, 'subscriber')).toBe(0)
  })
})

describe('a file that', () => {
  test('is changed between what was said and what would be stored is refused, and nothing stored', async () => {
    for (const change of [() => writeFileSync(file, `${LIST}late@example.com,,\n`), () => utimesSync(file, 0, 0)]) {
      writeFileSync(file, LIST)
      const accept = async () => {
        change()
        return 'send' as const
      }
      await expect(importList({ accept })).rejects.toMatchObject({ code: 'import.changed' })
    }
    expect(await count(db, 'subscriber')).toBe(0)
  })

  test('is a folder, a device or missing is refused', async () => {
    mkdirSync(folder.path('folder'), { recursive: true })
    for (const path of [folder.path('folder'), '/dev/null', folder.path('none.csv')])
      await expect(importSubscribers(db, { file: path, newsletter: null }, watching(), clock)).rejects.toMatchObject({
        code: 'import.file',
        message: expect.stringContaining(path),
      })
  })

  test('has rejects that cannot be written stops with a sentence that says so', async () => {
    mkdirSync(folder.path('list.rejects.csv/x'), { recursive: true })
    writeFileSync(file, 'email\na@example.com\nnobody\n')
    await expect(importList()).rejects.toMatchObject({
      code: 'import.rejects',
      message: expect.stringContaining(folder.path('list.rejects.csv')),
    })
  })

  test('is declined keeps the rejects of an earlier import', async () => {
    const path = folder.path('kept.csv')
    writeFileSync(path, 'email\nnobody\na@example.com\n')
    const order = { file: path, newsletter: null }
    const { rejectsFile } = await importSubscribers(db, order, watching(), clock)
    const accept = async () => {
      throw new Error('no')
    }
    await expect(importSubscribers(db, order, watching({ accept }), clock)).rejects.toThrow('no')
    expect(readFileSync(rejectsFile ?? '', 'utf8')).toContain('nobody')
  })
})
