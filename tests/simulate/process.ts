import type pg from 'pg'
import { type Database, databaseOn } from '../../src/db/client.ts'
import { type Code, lostConnection, refuse } from './failing.ts'
import type { Gate } from './gate.ts'
import type { Client, Member, Trap } from './member.ts'
import { runAs } from './sleepers.ts'

/** A process of the simulated system: works with a database of which every statement passes the gate. */
export type Process = {
  readonly name: string
  readonly db: Database
  readonly isDead: () => boolean
  /** Aborted by its death. */
  readonly signal: AbortSignal
  /** What was not committed is lost, and nothing more is heard of it. */
  readonly die: () => void
  /** Stands still until it is thawed; ends then. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
  /** Runs its work to its end or its death; `frozen` ends when it stands still before that. */
  readonly work: <T>(work: () => Promise<T>) => Work<T>
}

/** What a process's work came to: its value, or that it died. */
export type Ended<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'died' }
export type Work<T> = { readonly ended: Promise<Ended<T>>; readonly frozen: Promise<void> }

/** Starts a process; it meets its fate where the trap is, if there is one. */
export function startProcess(name: string, pool: pg.Pool, gate: Gate, trap: Trap | null): Process {
  const member: Member = {
    trap,
    statements: 0,
    dead: false,
    thawed: null,
    thaw: () => {},
    onFrozen: () => {},
    atCommit: null,
    death: new AbortController(),
  }
  return {
    name,
    db: databaseOn(guardPool(pool, gate, member)),
    isDead: () => member.dead,
    signal: member.death.signal,
    die: () => gate.die(member),
    freeze: async () => {
      if (!member.dead) await gate.freeze(member)
    },
    thaw: () => member.thaw(),
    work: (run) => {
      const frozen = new Promise<void>((resolve) => {
        member.onFrozen = resolve
      })
      gate.enter(member)
      return { ended: finish(run, member).finally(() => gate.leave(member)), frozen }
    },
  }
}

/** Whatever a dead process's code makes of its death, it is dead. */
async function finish<T>(run: () => Promise<T>, member: Member): Promise<Ended<T>> {
  try {
    const value = await runAs(member, run)
    return member.dead ? { kind: 'died' } : { kind: 'done', value }
  } catch (error) {
    if (member.dead) return { kind: 'died' }
    throw error
  }
}

const textOf = (query: unknown): string => {
  if (typeof query === 'string') return query
  return typeof query === 'object' && query !== null && 'text' in query ? String(query.text) : ''
}

function guardPool(pool: pg.Pool, gate: Gate, member: Member): pg.Pool {
  const query = (...args: unknown[]) =>
    gate.pass({
      member,
      client: null,
      text: textOf(args[0]),
      run: () => Reflect.apply(pool.query, pool, args),
      refused: (code) => refuse(pool.query.bind(pool), code),
    })
  const connect = async () => guardClient(await pool.connect(), gate, member)
  return new Proxy(pool, {
    get: (target, name) => (name === 'query' ? query : name === 'connect' ? connect : bound(target, name)),
  })
}

function guardClient(real: pg.PoolClient, gate: Gate, member: Member): pg.PoolClient {
  let released = false
  const release = () => {
    if (!released) real.release()
    released = true
  }
  let lost: Code | null = null
  const rollBack = async () => {
    await real.query('rollback')
  }
  const client: Client = {
    rollBack,
    undo: async () => {
      await rollBack()
      release()
    },
    lose: async (code) => {
      lost = code
      await client.undo()
    },
  }
  const query = async (...args: unknown[]) => {
    // What comes after a lost connection, a rollback say, never leaves.
    if (lost !== null) throw lostConnection(lost)
    const run = () => Reflect.apply(real.query, real, args)
    const refused = (code: Code) => refuse(real.query.bind(real), code)
    try {
      return await gate.pass({ member, client, text: textOf(args[0]), run, refused })
    } catch (error) {
      // Who dies before their transaction begins gives nothing back by themselves.
      if (member.dead) release()
      throw error
    }
  }
  if (member.dead) release()
  return new Proxy(real, {
    get: (target, name) => (name === 'query' ? query : name === 'release' ? release : bound(target, name)),
  })
}

function bound(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name)
  return typeof member === 'function' ? member.bind(target) : member
}
