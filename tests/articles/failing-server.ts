import type pg from 'pg'
import type { Database, OpenDatabase } from '../../src/db/client.ts'

/** What happens to a statement: it is answered with this SQLSTATE, or its connection breaks before or after it is done. */
export type StatementFault = { readonly code: string } | { readonly breaks: 'before' | 'after' }

/** A database whose statements can be made to fail, as a server or a network makes them. */
export type FailingDatabase = {
  readonly db: Database
  /** The text of each statement so far. */
  readonly statements: string[]
  /** Lets the next `times` statements of this text fail. */
  readonly fail: (text: string, fault: StatementFault, times: number) => void
  /** How many failures are still to come. */
  readonly left: () => number
}

type Answer = (error: unknown, result?: unknown) => void

/** Opens a pool of its own on an open database. */
export function openFailing(opened: OpenDatabase): FailingDatabase {
  const { db, pool } = opened.openPool({ connections: 3, waitMs: 5_000 })
  const statements: string[] = []
  let planned = { text: '', fault: { code: '' } as StatementFault, times: 0 }
  pool.on('connect', (client) => {
    const query = client.query.bind(client)
    const failing = (first: unknown, ...rest: unknown[]) => {
      const text = textOf(first)
      statements.push(text)
      if (planned.times === 0 || planned.text !== text) return Reflect.apply(query, client, [first, ...rest])
      planned.times -= 1
      return answered(rest, (answer) =>
        strike(
          client,
          planned.fault,
          () => Reflect.apply(query, client, [first, ...rest.filter(isNoCallback)]),
          answer,
        ),
      )
    }
    Object.assign(client, { query: failing })
  })
  return {
    db,
    statements,
    fail: (text, fault, times) => {
      planned = { text, fault, times }
    },
    left: () => planned.times,
  }
}

const textOf = (query: unknown): string => (typeof query === 'string' ? query : String(Object(query).text))
const isNoCallback = (argument: unknown) => typeof argument !== 'function'

/** The pool asks with a callback, a transaction with a promise. */
function answered(rest: readonly unknown[], work: (answer: Answer) => void): Promise<unknown> | undefined {
  const callback = rest.find((argument): argument is Answer => typeof argument === 'function')
  if (callback !== undefined) {
    work(callback)
    return undefined
  }
  return new Promise((resolve, reject) => work((error, result) => (error ? reject(error) : resolve(result))))
}

function strike(client: pg.PoolClient, fault: StatementFault, run: () => Promise<unknown>, answer: Answer): void {
  if ('code' in fault) {
    setImmediate(() => answer(Object.assign(new Error('the statement fails'), { code: fault.code })))
    return
  }
  const cut = () => Object(client).connection.stream.destroy()
  if (fault.breaks === 'before') {
    cut()
    run().then((result) => answer(null, result), answer)
    return
  }
  const lost = () => {
    client.once('end', () => answer(new Error('Connection terminated unexpectedly')))
    cut()
  }
  run().then(lost, lost)
}
