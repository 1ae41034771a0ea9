import { pino } from 'pino'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '../../src/db/client.ts'
import { type Jobs, openJobs } from '../../src/db/jobs.ts'
import { copyDatabase } from '../support/database.ts'

const { url, remove } = await copyDatabase()
const opened: OpenDatabase[] = [await openDatabase(url)]
const jobs: Jobs[] = []
afterEach(async () => {
  await Promise.all(jobs.splice(0).map((one) => one.close()))
  await Promise.all(opened.splice(1).map((one) => one.close()))
})
afterAll(async () => {
  await opened[0]?.close()
  remove()
})

/** Opens the jobs as another process would: on connections of its own. */
async function open(): Promise<Jobs> {
  const database = await openDatabase(url)
  opened.push(database)
  const made = await openJobs(database, pino({ level: 'silent' }))
  jobs.push(made)
  return made
}

/** A handler that runs until the test releases it; `begun(n)` waits for its nth run. */
function heldHandler() {
  let runs = 0
  let running = 0
  let most = 0
  let gate = Promise.withResolvers<void>()
  const waiting: { readonly n: number; readonly resolve: () => void }[] = []
  return {
    handler: async () => {
      runs += 1
      running += 1
      most = Math.max(most, running)
      for (const one of waiting) if (runs >= one.n) one.resolve()
      await gate.promise
      running -= 1
    },
    begun: (n: number) => new Promise<void>((resolve) => (runs >= n ? resolve() : waiting.push({ n, resolve }))),
    runs: () => runs,
    most: () => most,
    release: () => {
      const old = gate
      gate = Promise.withResolvers()
      old.resolve()
    },
  }
}

describe('wake-ups', () => {
  test('can be opened by several processes at once on a new database', async () => {
    await expect(Promise.all([open(), open(), open()])).resolves.toHaveLength(3)
  })

  test('while a handler runs are kept as one, which runs when the handler has ended', async () => {
    const [one] = [await open()]
    const held = heldHandler()
    await one.work('deliver', held.handler)
    await one.wake('deliver')
    await held.begun(1)
    for (let n = 0; n < 5; n++) await one.wake('deliver')
    expect(await countWaiting('deliver')).toBe(1)
    held.release()
    await held.begun(2)
    expect(await countWaiting('deliver')).toBe(0)
    held.release()
    await one.close()
    expect(held.runs()).toBe(2)
    expect(held.most()).toBe(1)
  })

  test('that come while one process is busy go to another', async () => {
    const [busy, idle] = [await open(), await open()]
    const [first, second] = [heldHandler(), heldHandler()]
    await busy.work('plan', first.handler)
    await busy.wake('plan')
    await first.begun(1)
    await idle.work('plan', second.handler)
    await busy.wake('plan')
    await second.begun(1)
    expect(first.runs()).toBe(1)
    first.release()
    second.release()
  })

  test('are not held up by what a dead process was working on', async () => {
    await opened[0]?.pool.query(
      "insert into job.job (name, state, started_on, policy) values ('deliver', 'active', now(), 'short')",
    )
    const alive = await open()
    const held = heldHandler()
    await alive.work('deliver', held.handler)
    await alive.wake('deliver')
    await held.begun(1)
    held.release()
  })

  test('are ignored after closing, which waits for the handler under way', async () => {
    const one = await open()
    const held = heldHandler()
    await one.work('notice', held.handler)
    await one.wake('notice')
    await held.begun(1)
    let closed = false
    const closing = one.close().then(() => {
      closed = true
    })
    await one.wake('notice')
    expect(await countWaiting('notice')).toBe(0)
    expect(closed).toBe(false)
    held.release()
    await closing
    expect(held.runs()).toBe(1)
  })

  test('leave nothing behind in a session: no prepared statement, no lock, no listener', async () => {
    const one = await open()
    await one.wake('plan')
    const left = await opened[0]?.pool.query(`select
      (select count(*) from pg_prepared_statements) as statements,
      (select count(*) from pg_locks join pg_database on oid = database and datname = current_database()
        where locktype = 'advisory') as locks,
      (select count(*) from pg_listening_channels()) as channels`)
    expect(left?.rows).toEqual([{ statements: 0, locks: 0, channels: 0 }])
  })
})

async function countWaiting(queue: string): Promise<number> {
  const rows = await opened[0]?.pool.query<{ n: number }>(
    "select count(*) as n from job.job where name = $1 and state = 'created'",
    [queue],
  )
  return rows?.rows[0]?.n ?? -1
}
