import pg from 'pg'

/** A statement that begins with this mark, a name, and ` *\/` is prepared once a connection, where that is possible. */
const MARK = /^\s*\/\* prepared (\w+) \*\//

type Query = pg.Client['query']

/**
 * A connection that prepares marked statements: of those that run hundreds of times a second, parsing and planning cost as
 * much as running them (1 of 2 ms for fifty acknowledgements). For direct connections to PostgreSQL only: clients of the
 * embedded engine share one session, and a pooler such as PgBouncer assigns each transaction another one, where the name is
 * unknown or taken.
 */
export class PreparingClient extends pg.Client {
  #hasOwnSession = false

  override query: Query = ((...args: unknown[]) => {
    const [first, ...rest] = args
    return Reflect.apply(super.query, this, [this.#hasOwnSession ? name(first) : first, ...rest])
  }) as Query // Every overload of the driver's is passed on as it came.

  /** Finds out whether this connection has a session of its own: a pooler announces another process id than the server's. */
  async findSession(): Promise<void> {
    const { rows } = await this.query<{ pid: number }>('select pg_backend_pid() as pid')
    this.#hasOwnSession = rows[0]?.pid === Reflect.get(this, 'processID')
  }
}

/** Whether a database's address says that a pooler is in between, for one that passes the server's process id on. */
export function namesPooler(url: string): boolean {
  return URL.parse(url)?.searchParams.get('pooler') === 'transaction'
}

function name(query: unknown): unknown {
  if (typeof query !== 'object' || query === null || !('text' in query) || typeof query.text !== 'string') return query
  const [, mark] = MARK.exec(query.text) ?? []
  return mark === undefined ? query : { ...query, name: `courant_${mark}` }
}
