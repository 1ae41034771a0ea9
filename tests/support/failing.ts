import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { codeSite } from './code-site.ts'

/**
 * How a statement fails: refused by the server with an SQLSTATE (deadlock, serialisation, too many connections, read-only),
 * with the connection lost as well (server shut down, connection failure reported by a pooler), by a connection that drops
 * without a word, or because the pool has no connection to give.
 */
export const FAULT_CODES = ['40P01', '40001', '53300', '25006', '57P01', '08006', 'dropped', 'no connection'] as const
export type FaultCode = (typeof FAULT_CODES)[number]

/** Codes with which an answer may be lost after the statement took effect. */
export const LOSING_CODES: readonly FaultCode[] = ['57P01', '08006', 'dropped']

/** From its `nth` run on (from 1) the statement of this name fails so many `times` in a row. */
export type Fault = {
  readonly statement: string
  readonly nth: number
  readonly times: number
  readonly code: FaultCode
  /** `after`: the statement takes effect, and its answer is lost. */
  readonly when: 'before' | 'after'
}

/** What is known of a statement by its name. */
export type StatementFacts = {
  count: number
  /** It is the first on its connection: a BEGIN, or a transaction by itself. */
  readonly first: boolean
  /** Once it is done something is committed, so that losing its answer matters. */
  readonly commits: boolean
}

/** A pool some of whose statements can be made to fail. */
export type FailingPool = {
  readonly plant: (fault: Fault) => void
  /** From now on the answers to these statements come so much later, by the machine's time. */
  readonly slow: (statements: RegExp, ms: number) => void
  /** Takes the fault away and says how often it happened. */
  readonly clear: () => number
  /** All statements since `forget`, by name, in the order of their first run. */
  readonly statements: () => ReadonlyMap<string, StatementFacts>
  readonly forget: () => void
  /** Errors of connections to which nobody listened: each would have ended the process. */
  readonly unheard: () => readonly string[]
}

/** `end()` of these would wait for an answer that never comes. */
type Connected = pg.Client & { readonly connection: { readonly stream: { destroy: () => void } } }
type Query = (...args: unknown[]) => Promise<unknown>
type Session = { site: string; inTransaction: boolean }

/**
 * Takes hold of a pool's connections below everything that uses them. The server itself refuses what is to fail, so that
 * transactions are really aborted; sockets are really destroyed.
 */
export function makeFailing(pool: pg.Pool, engine: 'embedded' | 'postgres'): FailingPool {
  let fault: Fault | null = null
  let met = 0
  let happened = 0
  let slowed: { statements: RegExp; ms: number } | null = null
  const statements = new Map<string, StatementFacts>()
  const unheard: string[] = []
  const sessions = new WeakMap<pg.ClientBase, Session>()

  /** Whether this run of the statement is one that is to fail. */
  function isTurn(name: string, isPool: boolean): Fault | null {
    if (fault === null || fault.statement !== name || (fault.code === 'no connection') !== isPool) return null
    met += 1
    if (met < fault.nth || met >= fault.nth + fault.times) return null
    happened += 1
    return fault
  }

  function note(name: string, text: string, inTransaction: boolean): void {
    const known = statements.get(name)
    if (known !== undefined) known.count += 1
    else {
      const isBegin = /^begin/i.test(text)
      const commits = isCommit(text) || (!inTransaction && !isBegin && WRITES.test(text))
      statements.set(name, { count: 1, first: !inTransaction, commits })
    }
  }

  function takeHold(client: pg.ClientBase): void {
    if (sessions.has(client)) return
    const session: Session = { site: '', inTransaction: false }
    sessions.set(client, session)
    listen(client, unheard)
    const query: Query = client.query.bind(client)
    const asking = (...args: unknown[]) => {
      const text = textOf(args[0])
      const name = nameStatement(text, session.site)
      note(name, text, session.inTransaction)
      if (/^begin/i.test(text)) session.inTransaction = true
      if (/^(commit|rollback)$/i.test(text)) session.inTransaction = false
      const turn = isTurn(name, false)
      if (turn === null && slowed?.statements.test(name)) {
        const { ms } = slowed
        return orCallback(args, (rest) => query(...rest).finally(() => pause(ms)))
      }
      if (turn === null) return query(...args)
      return orCallback(args, (rest) => fail(client as Connected, query, rest, turn, engine))
    }
    Object.assign(client, { query: asking })
  }

  const { connect, query } = { connect: pool.connect.bind(pool), query: pool.query.bind(pool) as Query }
  const connecting = (callback?: Parameters<pg.Pool['connect']>[0]) => {
    if (callback !== undefined) return connect(callback)
    const site = codeSite()
    if (isTurn(nameStatement('begin', site), true) !== null) return Promise.reject(noConnection())
    return connect().then((client) => {
      const session = sessions.get(client)
      if (session !== undefined) session.site = site
      return client
    })
  }
  const asking = (...args: unknown[]) =>
    isTurn(nameStatement(textOf(args[0]), ''), true) === null
      ? query(...args)
      : orCallback(args, () => Promise.reject(noConnection()))
  Object.assign(pool, { connect: connecting, query: asking })
  pool.on('connect', takeHold)
  for (const client of clientsOf(pool)) takeHold(client)

  return {
    plant: (planted) => {
      fault = planted
      met = 0
      happened = 0
    },
    slow: (slow, ms) => {
      slowed = { statements: slow, ms }
    },
    clear: () => {
      fault = null
      slowed = null
      return happened
    },
    statements: () => new Map([...statements].map(([name, facts]) => [name, { ...facts }])),
    forget: () => {
      statements.clear()
      unheard.splice(0)
    },
    unheard: () => [...unheard],
  }
}

const WRITES = /\b(insert into|update|delete from)\b/i
const isCommit = (text: string) => /^commit$/i.test(text)

/** Statements that differ only in blanks, the numbers of parameters and how many rows they list have one name. */
export function nameStatement(text: string, site: string): string {
  const plain = text
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\$\d+/g, '$')
    .replace(
      /(\((?:\$|default|null)(?:, (?:\$|default|null))*\))(?:, \((?:\$|default|null)(?:, (?:\$|default|null))*\))+/g,
      '$1',
    )
    .replace(/\bin \(\$\)/g, 'in ($, …)')
    .replace(/\((\$, )+\$\)/g, '($, …)')
  return /^(begin|commit|rollback)\b/i.test(plain) ? `${plain} of ${site}` : plain
}

/** Does as the server or the network does when things go wrong. */
async function fail(
  client: Connected,
  query: Query,
  args: readonly unknown[],
  { code, when }: Fault,
  engine: 'embedded' | 'postgres',
): Promise<unknown> {
  if (when === 'after') {
    await query(...args)
    const lost = once(client, 'end')
    client.connection.stream.destroy()
    await lost
    throw LOST[code] === undefined ? new Error('Connection terminated unexpectedly') : withCode(LOST[code], code)
  }
  if (code === 'dropped') {
    client.connection.stream.destroy()
    return query(...args)
  }
  if (code === '57P01' && engine === 'postgres') return query('select pg_terminate_backend(pg_backend_pid())')
  const error = await query(RAISE(code)).then(
    () => new Error('the planted failure did not fail'),
    (raised: unknown) => raised,
  )
  if (LOSING_CODES.includes(code)) {
    const lost = once(client, 'end')
    client.connection.stream.destroy()
    await lost
  } else if (isCommit(textOf(args[0]))) await query('rollback')
  throw error
}

const RAISE = (code: FaultCode) => `do $$ begin raise exception 'planted' using errcode = '${code}'; end $$`
const LOST: Partial<Record<FaultCode, string>> = {
  '57P01': 'terminating connection due to administrator command',
  '08006': 'server closed the connection unexpectedly',
}
const withCode = (message: string, code: string) => Object.assign(new Error(message), { code })
const noConnection = () => new Error('timeout exceeded when trying to connect')

const once = (client: pg.ClientBase, event: 'end') =>
  new Promise<void>((resolve) => {
    client.once(event, () => resolve())
  })

/** An 'error' that no listener hears ends the process: here it is written down instead. */
function listen(client: pg.ClientBase, unheard: string[]): void {
  const emit = client.emit.bind(client)
  const emitting = (event: string | symbol, ...rest: unknown[]): boolean => {
    if (event !== 'error' || client.listenerCount('error') > 0) return Reflect.apply(emit, client, [event, ...rest])
    unheard.push(rest[0] instanceof Error ? rest[0].message : String(rest[0]))
    return true
  }
  Object.assign(client, { emit: emitting })
}

/** The driver may be asked with a callback or for a promise. */
function orCallback(args: readonly unknown[], run: (rest: readonly unknown[]) => Promise<unknown>): unknown {
  const callback = args.find((one) => typeof one === 'function')
  const answer = run(args.filter((one) => typeof one !== 'function'))
  if (callback === undefined) return answer
  answer.then(
    (value) => callback(null, value),
    (error: unknown) => callback(error),
  )
  return undefined
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  return typeof query === 'object' && query !== null && 'text' in query ? String(query.text) : ''
}

/** Connections made before the pool came here; the driver does not tell of them. */
function clientsOf(pool: pg.Pool): readonly pg.ClientBase[] {
  const clients: unknown = Reflect.get(pool, '_clients')
  return Array.isArray(clients) ? clients.filter((one) => one instanceof pg.Client) : []
}
