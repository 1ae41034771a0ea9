import { sql } from 'drizzle-orm'
import pg from 'pg'
import { expect, test } from 'vitest'
import { clockFrom } from '../../src/clock.ts'
import { claimDue, recheck } from '../../src/delivery/claim.ts'
import { leaseBatch } from '../../src/delivery/lease.ts'
import { sendDue, sendEdition } from '../../src/delivery/worker.ts'
import { runTick } from '../../src/scheduler/tick.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import { makeWorld, NOON } from '../support/world.ts'
import { STATEMENTS } from './points.ts'

/** Every statement of this file's connections, as the preloaded code of a process that is to be killed sees it. */
const asked = new Set<string>()
const query = pg.Client.prototype.query as (...args: unknown[]) => unknown
Object.assign(pg.Client.prototype, {
  query: function (this: pg.Client, ...args: unknown[]): unknown {
    const [first] = args
    asked.add(typeof first === 'string' ? first : String(Object(first).text))
    return Reflect.apply(query, this, args)
  },
})

const { db } = await freshDatabase()
const sink = freshSinks()
const NOBODY = 'smtp://127.0.0.1:9'

test('each statement at which a process may be killed is one that planning or sending asks', async () => {
  const clock = clockFrom(NOON)
  const world = await makeWorld(db)
  await world.addReaders(3)
  await world.addArticles(2)
  await planByHand(db, world)
  await world.addArticles(1)
  // The readers of the first edition get the second one instead.
  const edition = await planByHand(db, world)
  const lease = await leaseBatch(db, 'dead', edition, NOON)
  if (lease === null) throw new Error('nothing to lease')
  await recheck(db, await claimDue(db, lease, 1, NOON))
  const later = clockFrom(NOON.add({ minutes: 1 }))
  await sendDue(db, await senderTo(NOBODY), edition, later)
  const smtp = await sink()
  await sendEdition(db, await senderTo(smtp.url), edition, clockFrom(NOON.add({ minutes: 30 })))
  await world.addArticles(1)
  await db.execute(sql`update cohort set next_due_at = ${NOON.toString()}`)
  const sender = await senderTo(smtp.url)
  await runTick(db, { sender, collecting: { userAgent: 'Courant/test', allowPrivate: true }, log: sender.log }, clock)

  const texts = [...asked]
  const never = Object.entries(STATEMENTS).filter(([, pattern]) => !texts.some((text) => pattern.test(text)))
  expect(never.map(([name]) => name)).toEqual([])
})
