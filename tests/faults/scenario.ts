import { setTimeout as pause } from 'node:timers/promises'
import type { Fault, StatementFacts } from '../support/failing.ts'
import type { Place, System } from './system.ts'

/** Work on a database during which a statement fails, and what must be true afterwards. */
export type Scenario = {
  readonly name: string
  /** Makes what the work begins with; nothing fails yet. */
  readonly prepare: (system: System) => Promise<Prepared>
}

export type Prepared = {
  /** The work, while statements fail. What it throws a user would see. */
  readonly work: (signal: AbortSignal) => Promise<void>
  /**
   * Nothing fails any more: the work is done to its end, and what is broken is said in words. `left`: the work ended with an
   * error, and whoever comes next does not know of it.
   */
  readonly judge: (ending: Ending) => Promise<readonly string[]>
}

export type Ending = { readonly left: boolean; readonly signal: AbortSignal }

/** What became of a scenario with a fault. */
export type Verdict = {
  readonly broken: readonly string[]
  /** How often the fault happened. */
  readonly happened: number
  /** How often the work ended with an error. */
  readonly failures: number
  readonly statements: ReadonlyMap<string, StatementFacts>
}

/** A dead worker's lease has ended by then. */
export const PAST_LEASE = { seconds: 16 }
/** A fault that comes six times in a row may end the work as often. */
const MOST_RUNS = 8
/** No scenario takes so long; of the machine's time. */
const STUCK_MS = 15_000
/** What is claimed ahead, or beats, may still be asking. */
const GIVE_BACK_MS = 200

/** Runs a scenario on this place with a fault, or with none to see which statements it takes. */
export async function runScenario(place: Place, scenario: Scenario, fault: Fault | null): Promise<Verdict> {
  const system = await place.empty()
  const { failing } = system
  const stop = new AbortController()
  const prepared = await scenario.prepare(system)
  failing.forget()
  if (fault !== null) failing.plant(fault)
  const broken: string[] = []
  const reasons: string[] = []
  // After a single failure somebody else comes first, after several the work is run again: both must come out well.
  const mostRuns = fault?.times === 1 ? 1 : MOST_RUNS
  const done = await unlessStuck(stop, async () => {
    reasons.push(...(await workUntilDone(system, prepared, mostRuns, stop.signal)))
  })
  const happened = failing.clear()
  const statements = failing.statements()
  broken.push(
    ...reasons.filter((reason) => !isPlanted(reason)).map((reason) => `it failed for another reason: ${reason}`),
  )
  if (reasons.length === MOST_RUNS) broken.push(`it failed ${reasons.length} times: ${reasons.at(-1)}`)
  if (!done) broken.push('it stood still')
  else {
    const judged = await unlessStuck(stop, async () => {
      const left = mostRuns === 1 && reasons.length > 0
      broken.push(...(await prepared.judge({ left, signal: stop.signal })))
    })
    if (!judged) broken.push('going on after the fault it stood still')
  }
  broken.push(...(await judgePool(system)))
  if (broken.length > 0) place.spoil()
  return { broken, happened, failures: reasons.length, statements }
}

/** Runs the work again while it fails, as a user would; why it failed each time. */
async function workUntilDone(
  system: System,
  { work }: Prepared,
  mostRuns: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reasons: string[] = []
  while (reasons.length < mostRuns) {
    try {
      await work(signal)
      return reasons
    } catch (error) {
      reasons.push(reasonsOf(error))
      if (mostRuns > 1) system.clock.skip(PAST_LEASE)
    }
  }
  return reasons
}

/** False when the work does not end. */
async function unlessStuck(stop: AbortController, work: () => Promise<void>): Promise<boolean> {
  const over = new AbortController()
  const stuck = pause(STUCK_MS, false, { signal: over.signal }).catch(() => false)
  const working = work().then(() => true)
  const done = await Promise.race([working, stuck])
  over.abort()
  if (!done) {
    stop.abort()
    working.catch(() => {})
  }
  return done
}

/** Whether an error is what was planted, or what a driver makes of it. */
const isPlanted = (reason: string) =>
  /planted|Connection terminated|connection error|timeout exceeded when trying|terminating connection|server closed the connection|ECONNRESET|EPIPE/.test(
    reason,
  )

/** An error's messages, its causes' included. */
function reasonsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const message = error.message.replace(/^Failed query: .*/s, 'Failed query')
  return error.cause === undefined ? message : `${message}: ${reasonsOf(error.cause)}`
}

/** Connections go back to the pool, and one that is lost ends nobody's process. */
async function judgePool({ pool, failing }: System): Promise<readonly string[]> {
  const countOut = () => pool.totalCount - pool.idleCount
  for (let waitedMs = 0; waitedMs < GIVE_BACK_MS && countOut() > 0; waitedMs += 10) await pause(10)
  const out = countOut()
  return [
    ...(out > 0 ? [`${out} connections were never given back to the pool`] : []),
    ...[...new Set(failing.unheard())].map(
      (message) => `an error nobody listens to would have ended the process: ${message}`,
    ),
  ]
}
