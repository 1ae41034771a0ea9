import { sql } from 'drizzle-orm'
import type { Hono } from 'hono'
import { pino } from 'pino'
import type { Database } from '../../src/db/client.ts'
import { type LinkPurpose, openLinkKeys, signLink } from '../../src/subscribers/tokens.ts'
import { makeApp, type Web } from '../../src/web/app.ts'
import type { SiteEnv } from '../../src/web/context.ts'
import { type HandClock, handClock } from '../support/clock.ts'
import { NOON } from '../support/world.ts'

/** The site under test, its clock moved by hand, what it woke and what it logged. */
export type TestSite = {
  readonly app: Hono<SiteEnv>
  readonly clock: HandClock
  readonly woken: string[]
  readonly logged: string[]
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Response>
  /** Posts fields as a browser does; a string is sent as it is. */
  readonly post: (path: string, body: Fields | string, headers?: Record<string, string>) => Promise<Response>
  readonly token: (purpose: LinkPurpose, id: number, version?: number) => string
}

type Fields = Readonly<Record<string, string | readonly string[]>>

const KEYS = openLinkKeys(['a secret of more than thirty-two letters'])
export const BASE_URL = 'https://news.example.org'

/** Makes the app on a database; `web` replaces what a test wants otherwise. */
export function makeSite(
  db: Database,
  web: Omit<Partial<Web>, 'config'> & { readonly config?: Partial<Web['config']> } = {},
): TestSite {
  const clock = handClock(NOON)
  const woken: string[] = []
  const logged: string[] = []
  const app = makeApp({
    db,
    linkKeys: KEYS,
    clock,
    log: pino({ level: 'debug' }, { write: (line: string) => logged.push(line) }),
    wake: (queue) => woken.push(queue),
    readHealth: async () => ({ ready: true, reasons: [] }),
    answerAfterMs: 0,
    ...web,
    config: {
      baseUrl: BASE_URL,
      templatesDir: null,
      trustProxy: { kind: 'hops', hops: 0 },
      subscribeLimit: null,
      subscribeBudget: null,
      ...web.config,
    },
  })
  const socket = { incoming: { socket: { remoteAddress: '192.0.2.7' } } } as unknown as SiteEnv['Bindings']
  return {
    app,
    clock,
    woken,
    logged,
    get: async (path, headers = {}) => app.request(path, { headers }, socket),
    post: async (path, body, headers = {}) => {
      const type = { 'content-type': 'application/x-www-form-urlencoded', ...headers }
      return app.request(
        path,
        { method: 'POST', body: typeof body === 'string' ? body : encode(body), headers: type },
        socket,
      )
    },
    token: (purpose, id, version = 1) => signLink(KEYS, purpose, { id, version }),
  }
}

function encode(fields: Fields): string {
  const form = new URLSearchParams()
  for (const [name, values] of Object.entries(fields)) for (const value of [values].flat()) form.append(name, value)
  return form.toString()
}

/** What a browser says of a form that stands on another site. */
export const FOREIGN: readonly Record<string, string>[] = [
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site', origin: BASE_URL },
  { origin: 'https://evil.example' },
]

/** The path of the form that takes a leaving back. */
export const undoPath = (html: string): string => /action="(\/undo\/[^"]+)"/.exec(html)?.[1] ?? ''

/** Every row of every table, to compare before and after. */
export async function dump(db: Database): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const tables = await db.execute<{ name: string }>(sql`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by relname`)
  const all: Record<string, readonly unknown[]> = {}
  for (const { name } of tables.rows) {
    const rows = await db.execute<{ row: unknown }>(sql.raw(`select to_jsonb(t) as row from "${name}" t order by 1`))
    all[name] = rows.rows.map(({ row }) => row)
  }
  return all
}

/** What stands in the page's main part, its tags and entities taken away. */
export function textOf(html: string): string {
  const main = /<main>(.*)<\/main>/s.exec(html)?.[1] ?? html
  const plain = main
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&amp;', '&')
    .replaceAll('&#39;', "'")
    .replaceAll('&#34;', '"')
  return plain.replace(/[\s\u00a0]+/g, ' ').trim()
}
