import { pino } from 'pino'
import { expect, test } from 'vitest'
import { neverAborted } from '../../src/abortable.ts'
import type { Database } from '../../src/db/client.ts'
import { openDeliveryQueue } from '../../src/delivery/queue.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db } = await freshDatabase()
const SILENT = pino({ level: 'silent' })

/** The same database; the answer to the first statement comes only when it is let go. */
function holdFirst(real: Database) {
  const [answered, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let count = 0
  const execute = async (...args: Parameters<Database['execute']>) => {
    count += 1
    const isFirst = count === 1
    const value = await real.execute(...args)
    if (!isFirst) return value
    answered.resolve()
    await held.promise
    return value
  }
  const holding = new Proxy(real, {
    get: (target, name) => (name === 'execute' ? execute : Reflect.get(target, name)),
  })
  return { db: holding, answered: answered.promise, letGo: held.resolve }
}

test('a connection that waits for a claim begun before a delivery was due claims again', async () => {
  const world = await makeWorld(db)
  await world.addArticles(1)
  await world.addReaders(1)
  const holding = holdFirst(db)
  const queue = openDeliveryQueue(holding.db, 'worker', null, handClock(NOON), neverAborted, SILENT)
  const early = queue.next()
  await holding.answered
  await planByHand(db, world, handClock(NOON))
  const late = queue.next()
  holding.letGo()
  const found = [await early, await late]
  expect(found.filter((one) => one !== null)).toHaveLength(1)
  await queue.close()
})
