import { sql } from 'drizzle-orm'
import { sleep } from '../../clock.ts'
import type { Database } from '../../db/client.ts'

/** Key of the advisory lock: any numbers, the same in every process. */
const ARTICLES = sql.raw('7236521, 0')
const FIRST_WAIT_MS = 5
const LONGEST_WAIT_MS = 200
/** About a minute. Storing a document takes milliseconds, so a transaction that holds the lock for so long is stuck. */
const MOST_WAITS = 300

/** The last transaction in the queue of each pool. */
const lastOf = new WeakMap<Database, Promise<unknown>>()

/**
 * Runs a transaction that may store articles or entries; across all processes only one runs at a time, under a lock from its
 * first statement to its end. Otherwise two sources with the same article would both find it new, and entries would become
 * visible out of the order of their ids, so that a reader's watermark could pass an entry nobody had seen.
 *
 * Waiting takes no connection: transactions of one pool queue in this process, and while another process holds the lock, the
 * transaction ends at once and is tried again after a pause.
 *
 * @throws an error that `isTransient` recognises, when another process holds the lock for about a minute.
 */
export function withStoreLock<T>(db: Database, work: (tx: Database) => Promise<T>): Promise<T> {
  const turn = (lastOf.get(db) ?? Promise.resolve()).then(() => untilLocked(db, work))
  lastOf.set(
    db,
    turn.catch(() => {}),
  )
  return turn
}

async function untilLocked<T>(db: Database, work: (tx: Database) => Promise<T>): Promise<T> {
  for (let waits = 0; waits < MOST_WAITS; waits += 1) {
    const done = await db.transaction(async (tx) => ((await tryLock(tx)) ? { value: await work(tx) } : null))
    if (done !== null) return done.value
    // By the machine's timer: another process works in real time.
    await sleep(waitMs(waits))
  }
  throw Object.assign(new Error('another process keeps the lock for storing articles'), { code: LOCK_NOT_AVAILABLE })
}

const LOCK_NOT_AVAILABLE = '55P03'

async function tryLock(tx: Database): Promise<boolean> {
  const { rows } = await tx.execute<{ locked: boolean }>(sql`select pg_try_advisory_xact_lock(${ARTICLES}) as locked`)
  return rows[0]?.locked ?? false
}

/** Doubles with each try, with jitter, so that several processes do not try at the same instants. */
function waitMs(waits: number): number {
  const longest = Math.min(FIRST_WAIT_MS * 2 ** Math.min(waits, 10), LONGEST_WAIT_MS)
  return longest * (0.5 + Math.random() / 2)
}
