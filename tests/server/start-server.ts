import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { sql } from 'drizzle-orm'
import { systemClock } from '../../src/clock.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import { type Ended, startCommand } from '../support/command.ts'
import { makeWorld } from '../support/world.ts'

/** A line of a server's log. */
export type LogLine = { readonly msg: string; readonly [fact: string]: unknown }

/** `courant serve` in a process of its own, past its ready line. */
export type Serving = {
  readonly child: ChildProcess
  /** Where it listens; empty without the web. */
  readonly url: string
  readonly ended: Promise<Ended>
  /** Waits for the next line with this message in the log. */
  readonly logged: (msg: string) => Promise<LogLine>
}

/** The environment of a server with default settings. */
export function environmentOf(databaseUrl: string, smtpUrl: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    SMTP_URL: smtpUrl,
    BASE_URL: 'https://digest.example.org',
    SECRET: 'a secret of the tests that is long enough',
    PORT: '0',
    LOG_LEVEL: 'info',
  }
}

/** Starts a server and waits until it is ready; one that exits before is an error with its output. */
export async function startServing(environment: Record<string, string>, roles?: string): Promise<Serving> {
  const words = ['serve', '--json', ...(roles === undefined ? [] : ['--roles', roles])]
  const { child, ended } = startCommand(words, environment)
  const waiting: { readonly msg: string; readonly resolve: (line: LogLine) => void }[] = []
  if (child.stderr === null || child.stdout === null) throw new Error('the process has no output')
  createInterface({ input: child.stderr }).on('line', (text) => {
    const line = readLine(text)
    for (const one of waiting.filter(({ msg }) => msg === line.msg)) one.resolve(line)
  })
  const ready = new Promise<string>((resolve) => createInterface(child.stdout ?? process.stdin).once('line', resolve))
  const first = await Promise.race([ready, ended])
  if (typeof first !== 'string') throw new Error(`the server ended with ${first.code}: ${first.err}`)
  const { url }: { url: string | null } = JSON.parse(first)
  return {
    child,
    url: url ?? '',
    ended,
    logged: (msg) => new Promise((resolve) => waiting.push({ msg, resolve })),
  }
}

function readLine(text: string): LogLine {
  try {
    return JSON.parse(text)
  } catch {
    return { msg: text }
  }
}

/** Makes a newsletter with readers and articles, and an edition planned by hand that waits for a worker. */
export async function planWaiting(databaseUrl: string, readers: number): Promise<void> {
  await useDatabase(databaseUrl, async (db) => {
    const world = await makeWorld(db)
    await world.addReaders(readers)
    await world.addArticles(3)
    await planEdition(db, makeManualRequest(world.newsletterId, null, null), systemClock)
  })
}

/** Opens a database for a moment; an embedded one through the process that has it open. */
export async function useDatabase<T>(databaseUrl: string, use: (db: Database) => Promise<T>): Promise<T> {
  const opened = await openDatabase(databaseUrl, 2)
  try {
    return await use(opened.db)
  } finally {
    await opened.close()
  }
}

/** Counts the deliveries in each state, and the batches that are leased. */
export async function readStanding(databaseUrl: string): Promise<Readonly<Record<string, number>>> {
  return useDatabase(databaseUrl, async (db) => {
    const states = await db.execute<{ state: string; n: number }>(
      sql`select state, count(*) as n from delivery group by 1
        union all select 'held', count(owner) from batch`,
    )
    return Object.fromEntries(states.rows.map(({ state, n }) => [state, n]))
  })
}
