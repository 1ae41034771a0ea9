import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { copyDatabase } from '../support/database.ts'

const HOLDER = new URL('../support/holder.ts', import.meta.url).pathname
const onEmbedded = inject('database').kind === 'embedded'
const made: (() => void)[] = []
afterEach(() => {
  for (const remove of made.splice(0)) remove()
})

async function copy(): Promise<string> {
  const { url, remove } = await copyDatabase()
  made.push(remove)
  return url
}

/** Another process that holds the folder; says `open` and then lives until it is killed. */
async function startHolder(url: string) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', HOLDER, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(createInterface(child.stdout), 'line')
  return child
}

describe.runIf(onEmbedded)('the embedded database', () => {
  test('clients that send different statements at once each get their own answer', async () => {
    const opened = await openDatabase(await copy(), 20)
    const statements = [
      (n: number) => sql`select ${n}::integer as a`,
      (n: number) => sql`select ${n}::integer as a, ${String(n)}::text as b`,
      (n: number) => sql`select ${n}::integer as a, ${'x'}::text as b, ${n}::bigint as c from generate_series(1, 1)`,
    ]
    const ask = async (client: number) => {
      for (let round = 0; round < 30; round++) {
        const statement = statements[(client + round) % statements.length]
        if (statement === undefined) throw new Error('no statement')
        const answer = await opened.db.execute<{ a: number }>(statement(client * 1000 + round))
        expect(answer.rows[0]?.a).toBe(client * 1000 + round)
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, client) => ask(client)))
    await opened.close()
  })

  test('a transaction is one client’s alone, and a failed one does not stop the others', async () => {
    const opened = await openDatabase(await copy(), 10)
    await opened.db.execute(sql`create table tally (client integer, round integer)`)
    const write = (client: number, round: number) =>
      opened.db.transaction(async (tx) => {
        await tx.execute(sql`insert into tally values (${client}, ${round})`)
        if (round % 5 === 4) await tx.execute(sql`select 1 / 0`)
      })
    const tally = async (client: number) => {
      for (let round = 0; round < 10; round++) await write(client, round).catch(() => {})
    }
    await Promise.all(Array.from({ length: 10 }, (_, client) => tally(client)))
    const rows = await opened.db.execute(sql`select count(*) as n, count(distinct client) as clients from tally`)
    expect(rows.rows).toEqual([{ n: 80, clients: 10 }])
    await opened.close()
  })

  test('a second process works through the one that holds the folder', async () => {
    const url = await copy()
    const holder = await startHolder(url)
    const second = await openDatabase(url)
    await second.db.execute(sql`create table note (text text)`)
    await second.db.execute(sql`insert into note values ('from the second')`)
    await second.close()
    holder.stdin.end()
    await once(holder, 'exit')
    const third = await openDatabase(url)
    expect((await third.db.execute(sql`select * from note`)).rows).toEqual([{ text: 'from the second' }])
    await third.close()
  })

  test('kill -9 of the holder frees the folder at once, and loses nothing that was committed', async () => {
    const url = await copy()
    const holder = await startHolder(url)
    const second = await openDatabase(url)
    await second.db.execute(sql`create table note (text text)`)
    await second.db.execute(sql`insert into note values ('committed')`)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    await expect(second.db.execute(sql`select 1`)).rejects.toThrow()
    await second.close()
    const next = await openDatabase(url)
    expect((await next.db.execute(sql`select * from note`)).rows).toEqual([{ text: 'committed' }])
    await next.close()
  })

  test('a folder whose path is too long for a socket works all the same', async () => {
    const base = mkdtempSync(join(tmpdir(), 'courant-long-'))
    made.push(() => rmSync(base, { recursive: true, force: true }))
    const folder = join(base, 'x'.repeat(120))
    cpSync(new URL(await copy()).pathname, folder, { recursive: true })
    const opened = await openDatabase(`pglite://${folder}`)
    expect((await opened.db.execute(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
    await opened.close()
  })
})

afterAll(() => {
  if (!onEmbedded) console.info('skipped: the suite runs on PostgreSQL, these are about the embedded database')
})
