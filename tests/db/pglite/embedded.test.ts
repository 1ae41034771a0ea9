import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { openDatabase } from '../../../src/db/client.ts'
import { openEmbedded } from '../../../src/db/pglite/embedded.ts'
import { retryTransient } from '../../../src/db/transient.ts'
import { copyDatabase } from '../../support/database.ts'

const HOLDER = new URL('../../support/holder.ts', import.meta.url).pathname
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

const folderOf = (url: string) => url.slice('pglite://'.length)
const holderFile = (url: string) => join(folderOf(url), 'holder.json')

/** What a holder that was killed leaves: its word of itself, and a socket that nobody listens on. */
async function leaveBehind(url: string, host = hostname()): Promise<void> {
  const socket = join(folderOf(url), '.s.PGSQL.5432')
  const server = createServer().listen(`${socket}.new`)
  await once(server, 'listening')
  // Node takes the socket away when it closes it, but not under another name.
  renameSync(`${socket}.new`, socket)
  server.close()
  writeFileSync(holderFile(url), JSON.stringify({ pid: 1, host, socketFolder: folderOf(url) }))
}

/** Holds the folder as a process does that has not opened the database yet. */
function lockFolder(url: string): DatabaseSync {
  const lock = new DatabaseSync(join(folderOf(url), 'lock.db'))
  lock.exec('begin exclusive')
  return lock
}

function spawnHolder(url: string) {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', HOLDER, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

/** Another process that holds the folder; says `open` and then lives until it is killed. */
async function startHolder(url: string) {
  const child = spawnHolder(url)
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

  test('kill -9 of the holder loses nothing that was committed; a process that works through it takes the folder over', async () => {
    const url = await copy()
    const holder = await startHolder(url)
    const second = await openDatabase(url)
    await second.db.execute(sql`create table note (text text)`)
    await second.db.execute(sql`insert into note values ('committed')`)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    await expect(second.db.execute(sql`select 1`)).rejects.toThrow()
    const read = () => second.db.execute(sql`select * from note`)
    const { rows } = await retryTransient(systemClock, read, { forMs: 60_000 })
    expect(rows).toEqual([{ text: 'committed' }])
    const third = await openDatabase(url)
    await third.db.execute(sql`insert into note values ('through the new holder')`)
    await third.close()
    await second.close()
    const next = await openDatabase(url)
    expect((await next.db.execute(sql`select count(*) as n from note`)).rows).toEqual([{ n: 2 }])
    await next.close()
  })

  test('a command that comes while a server is still opening the folder waits for it, whatever an earlier one left behind', async () => {
    const url = await copy()
    await leaveBehind(url)
    const holder = spawnHolder(url)
    // The new holder has the lock and not the database yet: it takes away first what the dead one said of itself.
    while (existsSync(holderFile(url))) await pause(5)
    const second = await openDatabase(url)
    expect(JSON.parse(readFileSync(holderFile(url), 'utf8'))).toMatchObject({ pid: holder.pid })
    expect((await second.db.execute(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
    await second.close()
    holder.stdin.end()
    await once(holder, 'exit')
    expect(existsSync(holderFile(url))).toBe(false)
  })

  test.each([
    ['nothing', async () => {}],
    ['the word of a process that is dead', leaveBehind],
    ['the word of another machine', (url: string) => leaveBehind(url, 'another-machine')],
    ['half a word', async (url: string) => writeFileSync(holderFile(url), '{"pid": 1, "ho')],
  ])('a folder whose holder has left %s, and does not answer, is told as in use after a while', async (_, prepare) => {
    const url = await copy()
    await prepare(url)
    const lock = lockFolder(url)
    for (const holding of ['shared', 'alone'] as const)
      await expect(openEmbedded(folderOf(url), holding, 0, 300)).rejects.toMatchObject({
        code: 'database.held',
        what: expect.stringContaining('is in use'),
        why: 'Another process holds it and does not answer: it is just starting, or ending.',
      })
    lock.close()
  })

  test('a folder that is let go while a command waits for it is opened by the command', async () => {
    const url = await copy()
    await leaveBehind(url)
    const lock = lockFolder(url)
    const opening = openEmbedded(folderOf(url), 'alone')
    await pause(200)
    lock.close()
    const opened = await opening
    expect(opened.holder).toBe(true)
    await opened.close()
  })

  test('a second server is refused at once, and told which process holds the folder', async () => {
    const url = await copy()
    const first = await openDatabase(url)
    await expect(openEmbedded(folderOf(url), 'alone', 0, 60_000)).rejects.toMatchObject({
      code: 'database.held',
      why: `Process ${process.pid} on ${hostname()} holds it.`,
    })
    await first.close()
  })

  test('a server that starts while the last one ends takes the folder over', async () => {
    const url = await copy()
    const first = await openEmbedded(folderOf(url), 'alone')
    const ending = first.close()
    const second = await openEmbedded(folderOf(url), 'alone')
    await ending
    expect(second.holder).toBe(true)
    await second.close()
  })

  test('a command that is between two statements keeps its holder from ending', async () => {
    const url = await copy()
    const first = await openEmbedded(folderOf(url))
    const second = await openEmbedded(folderOf(url))
    expect(second.holder).toBe(false)
    let ended = false
    const ending = first.close().then(() => {
      ended = true
    })
    await pause(300)
    expect(ended).toBe(false)
    await second.close()
    await ending
  })

  const isOpenToOthers = (path: string) => (lstatSync(path).mode & 0o077) !== 0
  const openToOthers = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => isOpenToOthers(join(folder, name)))

  test('nobody else may enter its folder or read its files, also where they were made by an older version', async () => {
    const url = await copy()
    const folder = folderOf(url)
    chmodSync(folder, 0o755)
    chmodSync(join(folder, 'pgdata'), 0o777)
    chmodSync(join(folder, 'pgdata', 'postgresql.conf'), 0o666)
    const opened = await openDatabase(url)
    await opened.db.execute(sql`create table note (text text)`)
    expect(isOpenToOthers(folder)).toBe(false)
    expect(openToOthers(join(folder, 'pgdata'))).toEqual([])
    await opened.close()
  })

  test('a folder made anew is closed to others from the start', async () => {
    const base = mkdtempSync(join(tmpdir(), 'courant-new-'))
    made.push(() => rmSync(base, { recursive: true, force: true }))
    const opened = await openDatabase(`pglite://${join(base, 'db')}`)
    expect(isOpenToOthers(join(base, 'db'))).toBe(false)
    expect(openToOthers(join(base, 'db', 'pgdata'))).toEqual([])
    await opened.close()
  })

  type Planting = readonly [what: string, plant: (place: string, elsewhere: string) => void]
  /** Only the superuser can give a folder away. */
  const othersFolder: readonly Planting[] =
    process.getuid?.() === 0
      ? [
          [
            'somebody else’s folder',
            (place) => {
              mkdirSync(place)
              chownSync(place, 12_345, 12_345)
            },
          ],
        ]
      : []

  test.each<Planting>([
    ['a link to elsewhere', (place, elsewhere) => symlinkSync(elsewhere, place)],
    ['a file', (place) => writeFileSync(place, '')],
    ...othersFolder,
  ])('where its socket belongs and %s stands, it is not opened', async (_, plant) => {
    const base = mkdtempSync(join(tmpdir(), 'courant-long-'))
    made.push(() => rmSync(base, { recursive: true, force: true }))
    const folder = join(base, 'x'.repeat(120))
    const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
    const place = join(tmpdir(), `courant-${process.getuid?.()}-${name}`)
    made.push(() => rmSync(place, { recursive: true, force: true }))
    plant(place, base)
    await expect(openEmbedded(folder)).rejects.toMatchObject({
      code: 'database.embedded',
      what: expect.stringContaining(place),
    })
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
