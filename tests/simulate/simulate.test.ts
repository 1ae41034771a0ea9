import { sql } from 'drizzle-orm'
import { afterAll, describe, expect, test } from 'vitest'
import { openTestDatabase } from '../support/database.ts'
import type { Act, Deed } from './acts.ts'
import { openGround } from './ground.ts'
import { shorten } from './shorten.ts'
import { type OnStep, simulate } from './simulation.ts'

const database = await openTestDatabase()
const ground = await openGround(database.url)
afterAll(async () => {
  await ground.close()
  await database.close()
})

const DAYS = 2

describe('whatever readers, editors, relays, clocks and crashes do', () => {
  test.each([1, 3, 5])('every rule holds after every step (seed %i)', async (seed) => {
    const { fault, mails } = await simulate(ground, { seed, days: DAYS })
    expect(fault).toBeNull()
    expect(mails).toBeGreaterThan(0)
  })
})

describe('the simulator', () => {
  test('plays a seed the same way every time', async () => {
    const trace = async () => {
      const lines: string[] = []
      const note: OnStep = (step, { deed }, { clock, sink }) =>
        void lines.push(`${step} ${deed.kind} ${clock.now()} ${sink.mails.map(({ to }) => to).join()}`)
      const { statements } = await simulate(ground, { seed: 4, days: 1 }, null, note)
      return [...lines, statements]
    }
    expect(await trace()).toEqual(await trace())
  })

  test('notices an article that goes by its readers, and shortens the history to what that takes', async () => {
    const order = { seed: 1, days: 1 }
    const deeds: readonly Deed[] = [
      { kind: 'undo' },
      { kind: 'signUp', reader: 0, schedule: 0, topics: [] },
      { kind: 'ask', reader: 1, schedule: 1, topics: [] },
      { kind: 'publish', newsletter: 0, topics: [] },
    ]
    const acts = deeds.map((deed, index): Act => ({ at: 60 * index, deed, trap: null }))
    /** As if planning moved watermarks and wrote no deliveries. */
    const spoil: OnStep = async (_, { deed }, { db }) => {
      if (deed.kind === 'publish') await db.execute(sql`update cohort set seen_entry_id = 1000`)
    }
    const report = await simulate(ground, order, acts, spoil)
    expect(report.fault?.wrong).toEqual([expect.stringMatching(/^I1: article 1 .* went by/)])
    const short = await shorten(ground, order, report, spoil)
    expect(short.acts.map(({ deed }) => deed.kind)).toEqual(['signUp', 'publish'])
    expect(short.wrong).toEqual(report.fault?.wrong)
  })

  test('notices a reader who is unsubscribed and did nothing of the kind', async () => {
    const spoil: OnStep = async (step, _, { db }) => {
      if (step === 5) await db.execute(sql`update subscription set state = 'unsubscribed'`)
    }
    const { fault } = await simulate(ground, { seed: 1, days: DAYS }, null, spoil)
    expect(fault?.wrong[0]).toMatch(/^I3: .* went from active to unsubscribed/)
  })
})
