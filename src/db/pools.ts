import type { Database, OpenDatabase, PoolSize } from './client.ts'

/**
 * A server process has a pool for each kind of work, so that none waits for another's connections. `shared` serves wake-ups,
 * the scheduler and `/readyz`. A page gives up within seconds, a heartbeat of a sending within its lease.
 */
export const POOL_SIZES = {
  shared: { connections: 2, waitMs: 20_000 },
  pages: { connections: 4, waitMs: 5_000 },
  sending: { connections: 6, waitMs: 10_000 },
  planning: { connections: 3, waitMs: 30_000 },
  collecting: { connections: 3, waitMs: 20_000 },
} as const satisfies Record<string, PoolSize>

/** What a worker works with. */
export type WorkerPools = Readonly<Record<'sending' | 'planning', Database>>

/** Opens the pool of the web's pages. */
export function openPagesPool(opened: OpenDatabase): Database {
  return opened.openPool(POOL_SIZES.pages).db
}

/** Opens the pools of a worker. */
export function openWorkerPools(opened: OpenDatabase): WorkerPools {
  const { sending, planning } = POOL_SIZES
  return {
    sending: opened.openPool(sending).db,
    planning: opened.openPool(planning).db,
  }
}
