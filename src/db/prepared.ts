import pg from 'pg'

/** A statement that begins with this mark, a name, and ` *\/` is prepared once a connection, where the engine can. */
const MARK = /^\s*\/\* prepared (\w+) \*\//

type Query = pg.Client['query']

/**
 * A connection that prepares marked statements: of those that run hundreds of times a second, parsing and planning cost as
 * much as running them (1 of 2 ms for fifty acknowledgements). For PostgreSQL alone: the embedded engine's clients share a
 * session, in which a name would be another's.
 */
export class PreparingClient extends pg.Client {
  override query: Query = ((...args: unknown[]) => {
    const [first, ...rest] = args
    return Reflect.apply(super.query, this, [name(first), ...rest])
  }) as Query // Every overload of the driver's is passed on as it came.
}

function name(query: unknown): unknown {
  if (typeof query !== 'object' || query === null || !('text' in query) || typeof query.text !== 'string') return query
  const [, mark] = MARK.exec(query.text) ?? []
  return mark === undefined ? query : { ...query, name: `courant_${mark}` }
}
