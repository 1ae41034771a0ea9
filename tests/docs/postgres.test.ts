import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { openJobs } from '../../src/db/jobs.ts'
import { migrateDatabase } from '../../src/db/migrate.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import { handClock } from '../support/clock.ts'
import { postgresUrl } from '../support/postgres.ts'
import { makeWorld } from '../support/world.ts'
import { NOON } from './courant.ts'
import { blocksOf, documentOf } from './documents.ts'

const made = inject('database')
afterAll(() => {
  if (made.kind !== 'postgres') console.info('skipped: rights are those of a PostgreSQL server')
})

describe.runIf(made.kind === 'postgres')('docs/operating.md', () => {
  test('gives the database user all the rights that migrating, wake-ups and planning need', async () => {
    if (made.kind !== 'postgres') return
    const name = `keeper_${randomBytes(4).toString('hex')}`
    const admin = new pg.Client({ connectionString: postgresUrl(made.socketFolder, 'postgres') })
    await admin.connect()
    for (const statement of blocksOf(documentOf('docs/operating.md'), 'sql').join('').trim().split('\n'))
      await admin.query(statement.replaceAll('courant', name))
    await admin.end()

    const { db, pool, close } = await openDatabase(
      postgresUrl(made.socketFolder, name).replace(/\/\/[^@]*@/, `//${name}@`),
    )
    const rights = await db.execute<{ super: boolean }>(sql`select usesuper as super from pg_user where usename = user`)
    expect(rights.rows).toEqual([{ super: false }])
    expect(await migrateDatabase(db, NOON)).toBeGreaterThan(0)
    const jobs = await openJobs({ pool }, pino({ level: 'silent' }))
    await jobs.wake('plan')
    await jobs.close()
    const { newsletterId, addArticles, addReaders } = await makeWorld(db)
    await addArticles(1)
    await addReaders(1)
    const { edition } = await planEdition(db, makeManualRequest(newsletterId, null, null), handClock(NOON))
    expect(edition?.state).toBe('sending')
    await close()
  })
})
