import { afterAll, describe, test } from 'vitest'
import type { Fault } from '../support/failing.ts'
import { listFaults, sayFault, takeTurns } from './matrix.ts'
import { runScenario, type Scenario, type Verdict } from './scenario.ts'
import { openPlace, type Place } from './system.ts'

/** Scenarios wait for backoffs, leases and relays most of the time: a few are run side by side, each on a database of its own. */
const SIDE_BY_SIDE = 3

/** Extends leases every five seconds: it comes only where the work takes that long, as it may when the statements are listed. */
const HEARTBEAT = /\(s\.id, s\.token\) in \(select id, token/

/** Which faults of a scenario are tests here. */
type Choice = (faults: readonly Fault[]) => readonly Fault[]

const all: Choice = (faults) => faults
/** All with `COURANT_FAULTS=all`, else once and six times in turn. */
export const inTurn: Choice = process.env.COURANT_FAULTS === 'all' ? all : takeTurns

/**
 * Runs each scenario without a fault and makes a test of each fault at each statement that they take: in the first scenario
 * that takes it, as the same statement is tested once.
 */
export async function describeFaults(scenarios: readonly Scenario[], choose: Choice = all): Promise<void> {
  const places = await openPlaces()
  const dry = await Promise.all(
    scenarios.map(async (scenario) => {
      const verdict = await places.use((place) => runScenario(place, scenario, null))
      return { scenario, ...verdict }
    }),
  )
  const known = new Set<string>()
  for (const { scenario, broken, statements } of dry) {
    const fresh = new Map([...statements].filter(([name]) => !known.has(name)))
    for (const name of fresh.keys()) known.add(name)
    describe(scenario.name, () => {
      test('comes out well when nothing fails', () => {
        if (broken.length > 0) throw new Error(broken.join('\n'))
      })
      for (const fault of choose(listFaults(fresh))) {
        const others = dry.filter((one) => one.scenario !== scenario && one.statements.has(fault.statement))
        test.concurrent(sayFault(fault), async (context) => {
          const tries = [scenario, ...others.map((one) => one.scenario)]
          const verdict = await places.use((place) => runUntilMet(place, tries, fault))
          if (verdict.broken.length > 0) throw new Error(verdict.broken.slice(0, 12).join('\n'))
          if (verdict.happened > 0) return
          if (HEARTBEAT.test(fault.statement)) context.skip('the work was over before the heartbeat came')
          throw new Error('the statement never came, so nothing failed')
        })
      }
    })
  }
}

/** Which statements a scenario takes may depend on the order in which servers answer. */
const MOST_TRIES = 3

async function runUntilMet(place: Place, scenarios: readonly Scenario[], fault: Fault, tries = 1): Promise<Verdict> {
  const verdict = await runFault(place, scenarios, fault)
  if (verdict.happened > 0 || verdict.broken.length > 0 || tries === MOST_TRIES) return verdict
  if (HEARTBEAT.test(fault.statement)) return verdict
  return runUntilMet(place, scenarios, fault, tries + 1)
}

/**
 * How often a statement comes, and whether it does, may depend on how long things take: then its first run is waited for, and
 * then another scenario that takes it.
 */
async function runFault(place: Place, [first, ...others]: readonly Scenario[], fault: Fault): Promise<Verdict> {
  if (first === undefined) throw new RangeError('no scenario takes the statement')
  const verdict = await runScenario(place, first, fault)
  if (verdict.happened > 0 || verdict.broken.length > 0) return verdict
  if (fault.nth > 1) return runFault(place, [first, ...others], { ...fault, nth: 1 })
  return others.length === 0 ? verdict : runFault(place, others, fault)
}

/** Places that are lent out, closed after the last test. */
export async function openPlaces() {
  const all = await Promise.all(Array.from({ length: SIDE_BY_SIDE }, openPlace))
  afterAll(() => Promise.all(all.map((place) => place.close())))
  const free = [...all]
  const waiting: ((place: Place) => void)[] = []
  return {
    use: async <T>(work: (place: Place) => Promise<T>): Promise<T> => {
      const place = free.pop() ?? (await new Promise<Place>((resolve) => waiting.push(resolve)))
      try {
        return await work(place)
      } finally {
        const next = waiting.shift()
        if (next === undefined) free.push(place)
        else next(place)
      }
    },
  }
}
