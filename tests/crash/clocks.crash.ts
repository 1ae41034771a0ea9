import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { findPostgres } from '../support/postgres.ts'
import { type Child, startChild } from './child.ts'
import { publish } from './readers.ts'
import { openStage, type Stage } from './stage.ts'
import { readStanding } from './standing.ts'

/** On the embedded engine all processes go by the clock of one machine. */
const hasPostgres = findPostgres() !== null
if (!hasPostgres) console.info('PostgreSQL was not found: machines whose clocks differ are not played')

/** Slow enough that a lease which somebody takes for ended is taken over in the middle of a message. */
const REPLY_MS = 80
const DAY_MS = 86_400_000

/** What Node reads before the program: its machine's clock is so far ahead of the database's. */
const clockAhead = (ms: number) =>
  `--import=data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${ms}`)}`

describe.runIf(hasPostgres)('servers whose clocks differ', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage('postgres')
    stage.relay.pauseMs = REPLY_MS
  })
  afterAll(() => stage.close())

  const editions = async () => (await stage.look((db) => readStanding(db, systemClock.now().toString()))).editions

  /** Three servers, of which the second and the third are ahead, until nobody is owed anything. */
  async function sendTogether(aheadMs: number): Promise<void> {
    const before = (await editions()).length
    await stage.look((db) => publish(db, 3, systemClock.now().epochMilliseconds - 1_000))
    const servers: Child[] = []
    try {
      for (const [door, ms] of [0, aheadMs, 2 * aheadMs].entries())
        servers.push(
          startChild({
            words: ['serve', '--roles', 'worker,scheduler', '--json'],
            environment: { ...stage.environmentBy(door), NODE_OPTIONS: clockAhead(ms) },
            shiftMs: 0,
            crashAt: null,
          }),
        )
      const made = async () => (await editions()).slice(before).map(({ state }) => state)
      await expect.poll(made, { timeout: 120_000, interval: 500 }).toEqual(['finished'])
    } finally {
      for (const server of servers) server.process.kill('SIGTERM')
      for (const server of servers) await server.ended
    }
  }

  test.each([20_000, 3_600_000, -600_000])(
    'by %i ms and twice as much send each reader the slot’s message once',
    async (aheadMs) => {
      const before = stage.relay.calls.flatMap(({ taken }) => taken).length
      await sendTogether(aheadMs)
      const taken = stage.relay.calls.flatMap((call) => call.taken).slice(before)
      expect({ messages: taken.length, readers: new Set(taken.map(({ to }) => to)).size }).toEqual({
        messages: stage.readers,
        readers: stage.readers,
      })
    },
  )

  test('plan no slot before it is due', async () => {
    const before = stage.relay.calls.length
    await stage.look((db) => publish(db, 3, systemClock.now().epochMilliseconds + DAY_MS))
    const early = startChild({
      words: ['tick', '--json'],
      environment: { ...stage.environmentBy(0), NODE_OPTIONS: clockAhead(2 * DAY_MS) },
      shiftMs: 0,
      crashAt: null,
    })
    expect(await early.ended).toMatchObject({ code: 0 })
    expect(stage.relay.calls).toHaveLength(before)
  })
})
