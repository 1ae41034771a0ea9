import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { isTransient, waitMs } from '../db/transient.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { LEASE_SECONDS } from './lease.ts'
import { recordResults } from './results/record-results.ts'
import type { DeliveryResult } from './results/write-results.ts'

/** Commits outcomes in batches: those of all connections share a commit. */
export type OutcomeBatcher = {
  /**
   * Resolves once the outcome is committed, or discarded because the batch was taken over. A commit that fails is repeated for
   * as long as the process lives, so that nothing a relay has accepted is forgotten; fails only when the sending was stopped
   * and a lease's time has passed since. `onStuck` is called when it has failed several times.
   */
  readonly commit: (result: DeliveryResult, onStuck?: () => void) => Promise<void>
}

type Entry = {
  readonly result: DeliveryResult
  readonly onStuck: () => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** An outcome waits this long for those of other connections, little beside what a message takes on the wire. */
const GATHER_MS = 10
/** The fraction of working connections whose outcomes are enough for a commit. */
const ENOUGH = 0.8
/** After this many tries, a failure that is not transient is repeated less often. */
const TRIES_IN_A_ROW = 8
const LONG_WAIT_MS = 30_000
/** After this many failures, about a second, messages that wait for the commit are left to other connections. */
const STUCK_AFTER = 5

/**
 * Batches the outcomes of as many connections as `connections` counts at work. A group is committed when four fifths of them wait
 * for it or its first has waited 10 ms; while one is being committed the next one gathers. Without that a commit carried
 * 3 of 10 connections (600 messages, `tests/delivery/statements.test.ts`); with half of them PostgreSQL took 0.06 ms of
 * CPU a message, with four fifths 0.05 ms (`npm run bench -- deliver`).
 */
export function openOutcomeBatcher(
  db: Database,
  clock: Clock,
  connections: () => number,
  signal: AbortSignal,
  log: Logger,
): OutcomeBatcher {
  let waiting: Entry[] = []
  let writing = false
  let timer: NodeJS.Timeout | null = null
  const repeater = new Repeater(db, clock, signal, log)

  async function write(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    timer = null
    writing = true
    const group = waiting
    waiting = []
    for (const entries of byEdition(group)) {
      try {
        await commitGroup(db, entries, clock)
      } catch (error) {
        // The others do not wait for it.
        void repeater.repeat(entries, error)
      }
    }
    writing = false
    gather()
  }

  function gather(): void {
    if (writing || waiting.length === 0) return
    if (waiting.length >= connections() * ENOUGH) void write()
    else timer ??= setTimeout(write, GATHER_MS)
  }

  return {
    commit: (result, onStuck = () => {}) =>
      new Promise((resolve, reject) => {
        waiting.push({ result, onStuck, resolve, reject })
        gather()
      }),
  }
}

/** Repeats commits that failed, each with its own waits, and logs when that begins and when it has ended. */
class Repeater {
  readonly #db: Database
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #log: Logger
  #open = 0
  #stoppedMs: number | null = null

  constructor(db: Database, clock: Clock, signal: AbortSignal, log: Logger) {
    this.#db = db
    this.#clock = clock
    this.#signal = signal
    this.#log = log
    signal.addEventListener('abort', () => {
      this.#stoppedMs = clock.monotonicMs()
    })
  }

  /** Ends once these outcomes, whose commit has failed, are committed or given up. */
  async repeat(entries: readonly Entry[], failure: unknown): Promise<void> {
    // One outcome that cannot be written must not keep the others from it.
    if (!isTransient(failure) && entries.length > 1) {
      await Promise.all(entries.map((entry) => this.repeat([entry], failure)))
      return
    }
    this.#open += entries.length
    await this.#untilCommitted(entries, failure)
    this.#open -= entries.length
    if (this.#open === 0) this.#log.info({}, 'outcomes.recorded')
  }

  async #untilCommitted(entries: readonly Entry[], failure: unknown): Promise<void> {
    let error = failure
    for (let failures = 1; ; failures += 1) {
      if (failures === 1 || failures % TRIES_IN_A_ROW === 0) this.#logFailure(entries.length, error)
      if (failures === STUCK_AFTER) for (const entry of entries) entry.onStuck()
      if (this.#isOver()) {
        for (const entry of entries) entry.reject(error)
        return
      }
      const isLong = failures >= TRIES_IN_A_ROW && !isTransient(error) && !this.#signal.aborted
      await (isLong ? this.#clock.sleep(LONG_WAIT_MS, this.#signal) : this.#clock.sleep(waitMs(failures)))
      try {
        await commitGroup(this.#db, entries, this.#clock)
        return
      } catch (again) {
        error = again
      }
    }
  }

  #logFailure(outcomes: number, error: unknown): void {
    const what = 'accepted messages are not recorded yet; nothing more is sent on their connections until they are'
    this.#log.error({ outcomes, reason: reasonOf(error), what }, 'outcomes.not_recorded')
  }

  #isOver(): boolean {
    if (!this.#signal.aborted) return false
    this.#stoppedMs ??= this.#clock.monotonicMs()
    return this.#clock.monotonicMs() - this.#stoppedMs > LEASE_SECONDS * 1000
  }
}

/** Commits outcomes of one edition. */
async function commitGroup(db: Database, entries: readonly Entry[], clock: Clock): Promise<void> {
  await recordResults(
    db,
    entries.map((entry) => entry.result),
    clock.now(),
  )
  for (const entry of entries) entry.resolve()
}

function byEdition(entries: readonly Entry[]): Iterable<readonly Entry[]> {
  return Map.groupBy(entries, (entry) => entry.result.claimed.lease.editionId).values()
}
