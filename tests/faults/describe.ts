import { afterAll, describe, expect, test } from 'vitest'
import type { Fault } from '../support/failing.ts'
import { listFaults, sayFault } from './matrix.ts'
import { runScenario, type Scenario, type Verdict } from './scenario.ts'
import { openPlace, type Place } from './system.ts'

/** Scenarios wait for backoffs, leases and relays most of the time: a few are run side by side, each on a database of its own. */
const SIDE_BY_SIDE = 3

/** Which faults of a scenario are tests here; all unless given. */
type Choice = (fault: Fault) => boolean

/**
 * Runs each scenario without a fault and makes a test of each fault at each statement that it takes. What an earlier scenario
 * took is left out in those after it: the same statement is tested once.
 */
export async function describeFaults(scenarios: readonly Scenario[], isChosen: Choice = () => true): Promise<void> {
  const places = await openPlaces()
  const known = new Set<string>()
  for (const scenario of scenarios) {
    const { broken, statements } = await places.use((place) => runScenario(place, scenario, null))
    const fresh = new Map([...statements].filter(([name]) => !known.has(name)))
    for (const name of fresh.keys()) known.add(name)
    describe(scenario.name, () => {
      test('comes out well when nothing fails, and takes statements of its own', () => {
        expect(broken).toEqual([])
        expect(fresh.size).toBeGreaterThan(0)
      })
      for (const fault of listFaults(fresh).filter(isChosen))
        test.concurrent(sayFault(fault), async () => {
          const verdict = await places.use((place) => runFault(place, scenario, fault))
          if (verdict.broken.length > 0) throw new Error(verdict.broken.slice(0, 12).join('\n'))
          if (verdict.happened === 0) throw new Error('the statement never came, so nothing failed')
        })
    })
  }
}

/** How often a statement comes may depend on how long things take: its first run comes in any case. */
async function runFault(place: Place, scenario: Scenario, fault: Fault): Promise<Verdict> {
  const verdict = await runScenario(place, scenario, fault)
  return verdict.happened > 0 || fault.nth === 1 ? verdict : runScenario(place, scenario, { ...fault, nth: 1 })
}

/** Places that are lent out, closed after the last test. */
async function openPlaces() {
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
