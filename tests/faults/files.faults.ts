import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { clockFrom, systemClock } from '../../src/clock.ts'
import { deliverDue } from '../../src/scheduler/deliver-due.ts'
import { type CrashRelay, openRelay } from '../crash/relay.ts'
import { environmentOf, useDatabase } from '../server/start-server.ts'
import type { Ended } from '../support/command.ts'
import { copyDatabase } from '../support/database.ts'
import { FLAGS } from '../support/flags.ts'
import { senderTo } from '../support/sender.ts'
import { makeWorld } from '../support/world.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname
const STARVE = new URL('./starve.ts', import.meta.url).pathname
const READERS = 12
/** A connection for each reader: all are dialled at once. */
const CONNECTIONS = READERS

const undo: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const one of undo.splice(0)) await one()
})

type Prepared = { readonly environment: Record<string, string>; readonly url: string; readonly relay: CrashRelay }

/** A newsletter with readers and articles, and a relay. */
async function prepare(): Promise<Prepared> {
  const { url, remove } = await copyDatabase()
  const relay = await openRelay()
  undo.push(relay.close, remove)
  await useDatabase(url, async (db) => {
    const world = await makeWorld(db)
    await world.addReaders(READERS)
    await world.addArticles(2)
  })
  const environment = environmentOf(url, `smtp://127.0.0.1:${relay.ports[0]}?connections=${CONNECTIONS}`)
  return { environment, url, relay }
}

/** Runs a command by a shell script, in which `"$@"` is the command. */
function runShell(
  script: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<Ended> {
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, ...FLAGS, ...flags, CLI, ...words], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return new Promise((resolve) => {
    let [out, err] = ['', '']
    child.stdout.on('data', (octets) => {
      out += octets
    })
    child.stderr.on('data', (octets) => {
      err += octets
    })
    child.once('close', (code, signal) => resolve({ code, signal, out, err }))
  })
}

const takenBy = ({ calls }: CrashRelay) => calls.flatMap(({ taken }) => taken.map(({ to }) => to))

describe('on a full disk', () => {
  test('a preview that cannot be written says which file, and that there is no room', async () => {
    const { environment } = await prepare()
    const end = await runShell('"$@"', ['digest', 'preview', '--out', '/dev/full'], environment)
    expect(end.code).toBe(1)
    expect(end.err).toContain('/dev/full')
    expect(end.err).toContain('no space left')
    expect(end.err).not.toContain('Internal error')
  })

  test.each([
    ['subscriber', 'list'],
    ['newsletter', 'list', '--json'],
    ['digest', 'preview'],
    ['digest', 'send'],
  ])('%s %s whose answer cannot be written says so in a sentence', async (...words) => {
    const { environment } = await prepare()
    const end = await runShell('"$@" > /dev/full', words, { ...environment, LOG_LEVEL: 'warn' })
    expect(end.code).toBe(1)
    expect(end.err).toContain('no space left')
    expect(end.err).not.toContain('node:')
  })

  test('a log that cannot be written stops no sending', async () => {
    const { environment, relay } = await prepare()
    const end = await runShell('"$@" 2> /dev/full', ['digest', 'send', '--json'], environment)
    expect(JSON.parse(end.out)).toMatchObject({ planned: READERS, sent: READERS })
    expect(end.code).toBe(0)
    expect(new Set(takenBy(relay)).size).toBe(READERS)
  })
})

/** A file system of this size, which may be enlarged; null where this user may mount none. */
function makeDisk(
  megabytes: number,
): { readonly folder: string; readonly enlarge: (megabytes: number) => void } | null {
  const folder = mkdtempSync(join(tmpdir(), 'courant-disk-'))
  undo.push(() => rmSync(folder, { recursive: true, force: true }))
  const mount = (options: string) =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' })
  try {
    mount(`size=${megabytes}m`)
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return null
  }
  undo.unshift(() => void execFileSync('umount', [folder]))
  return { folder, enlarge: (size) => void mount(`remount,size=${size}m`) }
}

const sizeOf = (folder: string) =>
  Math.ceil(Number(execFileSync('du', ['-sm', folder], { encoding: 'utf8' }).split('\t')[0]))
/** What the command said at its end, behind what an import says before it stores anything. */
const errorIn = ({ err }: Ended): unknown => JSON.parse(err.slice(err.indexOf('{"error"'))).error

const withoutDisk = 'this user may mount no file system'

describe('a disk that fills up', () => {
  test('while rejected rows are written ends an import with a sentence, and the next one imports all', async (context) => {
    const disk = makeDisk(1)
    if (disk === null) return context.skip(withoutDisk)
    const { environment } = await prepare()
    const file = join(disk.folder, 'list.csv')
    const rows = Array.from({ length: 30_000 }, (_, n) => (n % 10 === 0 ? `reader-${n}@example.com` : `nobody ${n}`))
    writeFileSync(file, `email\n${rows.join('\n')}\n`)
    const words = ['subscriber', 'import', file, '--newsletter', 'morgen', '--yes', '--json']
    const full = await runShell('"$@"', words, environment)
    expect(full.code).toBe(1)
    expect(errorIn(full)).toMatchObject({ code: 'import.rejects', message: expect.stringContaining('no space left') })
    disk.enlarge(20)
    const { out } = await runShell('"$@"', words, environment)
    const { rows: read, unchanged, pending, rejected, rejectsFile } = JSON.parse(out)
    expect({ read, in: unchanged + pending, rejected }).toEqual({ read: 30_000, in: 3_000, rejected: 27_000 })
    expect(readFileSync(rejectsFile, 'utf8').trim().split('\n').length).toBeGreaterThanOrEqual(27_000)
  })

  test.runIf(inject('database').kind === 'embedded')(
    'under an embedded database ends an import with a sentence, and the next one imports all',
    async (context) => {
      const { environment, url } = await prepare()
      const folder = url.slice('pglite://'.length)
      const disk = makeDisk(sizeOf(folder) + 20)
      if (disk === null) return context.skip(withoutDisk)
      cpSync(folder, disk.folder, { recursive: true })
      const file = join(mkdtempSync(join(tmpdir(), 'courant-list-')), 'list.csv')
      undo.push(() => rmSync(file))
      writeFileSync(file, `email\n${Array.from({ length: 40_000 }, (_, n) => `reader-${n}@example.com`).join('\n')}\n`)
      const words = ['subscriber', 'import', file, '--newsletter', 'morgen', '--yes', '--json']
      const there = { ...environment, DATABASE_URL: `pglite://${disk.folder}` }
      const full = await runShell('"$@"', words, there)
      expect(full.code).toBe(1)
      expect(errorIn(full)).toMatchObject({
        code: 'import.stopped',
        message: expect.stringMatching(/up to line \d+ of the file are stored/),
      })
      disk.enlarge(600)
      const { out } = await runShell('"$@"', words, there)
      const { unchanged, pending } = JSON.parse(out)
      expect(unchanged).toBeGreaterThan(0)
      expect(unchanged + pending).toBe(40_000)
    },
  )
})

test('a command whose reader has heard enough ends without a word', async () => {
  const { environment } = await prepare()
  const end = await runShell('"$@" | true', ['subscriber', 'list', '--json'], { ...environment, LOG_LEVEL: 'warn' })
  expect(end.err).toBe('')
})

describe('without a file descriptor left', () => {
  test.each([
    ['when it dials', 1],
    ['when it dials its fifth connection', 5],
  ])('%s, a sending leaves nobody out', async (_, at) => {
    const { environment, url, relay } = await prepare()
    const flags = ['--import', STARVE]
    const starved = { ...environment, STARVE_AT: String(at), STARVE_MS: '700' }
    const { code, out, err } = await runShell('ulimit -n 300; "$@"', ['digest', 'send', '--json'], starved, flags)
    expect(err).not.toContain('Internal error')
    expect(code).toBe(0)
    const { planned, sent, deferred } = JSON.parse(out)
    expect({ planned, all: sent + deferred }).toEqual({ planned: READERS, all: READERS })
    await useDatabase(url, async (db) => {
      const shown = await db.execute(sql`
        select from delivery where state not in ('sent', 'deferred') or state = 'deferred' and retry_at is null`)
      expect(shown.rows).toEqual([])
      const later = clockFrom(systemClock.now().add({ hours: 1 }))
      await deliverDue(db, { sender: await senderTo(environment.SMTP_URL ?? '') }, later)
    })
    expect(takenBy(relay).sort()).toEqual([...new Set(takenBy(relay))].sort())
    expect(takenBy(relay)).toHaveLength(READERS)
  })

  test('too few even for the templates are told by their number before any is opened, and nothing is planned', async () => {
    const { environment, url } = await prepare()
    const script = 'ulimit -n 24; "$@"'
    const end = await runShell(script, ['digest', 'send', '--json'], environment)
    expect(end.code).toBe(1)
    expect(end.err).toMatch(/machine\.descriptors.*no more than 24 files and connections/)
    await useDatabase(url, async (db) => expect((await db.execute(sql`select from edition`)).rows).toEqual([]))
  })
})
