import { sql } from 'drizzle-orm'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, type DatabasePool, type OpenDatabase, openDatabase } from '../../src/db/client.ts'
import { isTransient } from '../../src/db/transient.ts'
import { copyDatabase } from '../support/database.ts'

let opened: OpenDatabase
let remove: () => void
beforeAll(async () => {
  const copy = await copyDatabase()
  remove = copy.remove
  opened = await openDatabase(copy.url, 2)
  await opened.db.execute(sql`create table tally (word text)`)
})
afterAll(async () => {
  await opened.close()
  remove()
})

const open = (waitMs = 5_000): DatabasePool => opened.openPool({ connections: 1, waitMs })
const tally = async () => {
  const { rows } = await opened.db.execute<{ word: string }>(sql`select word from tally order by word`)
  return rows.map(({ word }) => word)
}
const write = (db: Database, word: string) => db.execute(sql`insert into tally values (${word})`)

/** The pool's connection, with `fail` instead of its statement of this text, once. */
async function failOnce({ pool }: DatabasePool, statement: string, fail: () => Promise<never>): Promise<void> {
  const client = await pool.connect()
  const query = client.query.bind(client)
  let failed = false
  const failing = (...args: unknown[]) => {
    const [first] = args
    const text = typeof first === 'string' ? first : Object(first).text
    if (failed || text !== statement) return Reflect.apply(query, client, args)
    failed = true
    return fail()
  }
  Object.assign(client, { query: failing })
  client.release()
}

const refused = async () => {
  throw Object.assign(new Error('the server is read-only'), { code: '25006' })
}

describe('a connection that is lost while its transaction waits', () => {
  test('fails that transaction, which wrote nothing, and the pool opens another', async () => {
    const { db, pool } = open()
    const lost: Promise<pg.PoolClient> = new Promise((resolve) => pool.once('acquire', resolve))
    const failing = db.transaction(async (tx) => {
      await write(tx, 'lost')
      const client = await lost
      const ended = new Promise((resolve) => client.once('end', resolve))
      Object(client).connection.stream.destroy()
      await ended
      await write(tx, 'lost as well')
    })
    await expect(failing).rejects.toSatisfy(isTransient)
    await db.transaction((tx) => write(tx, 'kept'))
    expect(await tally()).toEqual(['kept'])
  })

  test.runIf(process.env.COURANT_TEST_ENGINE === 'postgres')('so does one whose session the server ends', async () => {
    const { db } = open()
    const failing = db.transaction(async (tx) => {
      await write(tx, 'ended')
      const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
      await opened.db.execute(sql`select pg_terminate_backend(${rows[0]?.pid})`)
      await expect.poll(() => opened.db.$count(sql`pg_stat_activity where pid = ${rows[0]?.pid}`)).toBe(0)
      await write(tx, 'ended as well')
    })
    await expect(failing).rejects.toSatisfy(isTransient)
    expect((await db.execute(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
  })
})

describe('a pool', () => {
  test('has its connection back when a transaction cannot begin', async () => {
    const one = open()
    await failOnce(one, 'begin', refused)
    await expect(one.db.transaction((tx) => write(tx, 'never'))).rejects.toSatisfy(isTransient)
    expect((await one.db.execute(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
  })

  test('gives nobody a connection that is still in another’s transaction', async () => {
    const one = open()
    await failOnce(one, 'rollback', refused)
    const failing = one.db.transaction(async (tx) => {
      await write(tx, 'half')
      throw new Error('something went wrong')
    })
    await expect(failing).rejects.toThrow()
    await write(one.db, 'whole')
    expect(await tally()).toEqual(['kept', 'whole'])
  })

  test('with no connection to give says so after its time, as a fault that may pass', async () => {
    const one = open(50)
    const done = Promise.withResolvers<void>()
    const taken = Promise.withResolvers<void>()
    const holding = one.db.transaction(async (tx) => {
      await tx.execute(sql`select 1`)
      taken.resolve()
      await done.promise
    })
    await taken.promise
    await expect(one.db.execute(sql`select 1`)).rejects.toSatisfy(isTransient)
    done.resolve()
    await holding
    expect((await one.db.execute(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
  })

  test('keeps nobody of another pool waiting', async () => {
    if (opened.engine === 'embedded') return
    const [one, other] = [open(), open(1_000)]
    await one.db.transaction(async (tx) => {
      await tx.execute(sql`select 1`)
      expect((await other.db.execute(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
    })
  })
})
