import { hostname } from 'node:os'
import type { Clock } from '../clock.ts'
import { fitConnections } from '../config/descriptors.ts'
import type { Database } from '../db/client.ts'
import { isTransient, retryTransient } from '../db/transient.ts'
import type { SourceRef } from './sources/due-sources.ts'
import { type LeasedSource, leaseSource } from './sources/source-lease.ts'

/** What a collector works with. */
type CollectorWork = {
  readonly db: Database
  readonly clock: Clock
  /** Once it is aborted no fetch is begun. */
  readonly signal: AbortSignal
  /** Skips sources that another worker fetches meanwhile. */
  readonly onlyDue: boolean
  /** Fetches a source and records the result; calls `onFetched` when the fetch is over. Rejects only for faults that are not the source's. */
  readonly collect: (leased: LeasedSource, onFetched: () => void) => Promise<void>
  /** Called with each error that `collect` rejects with. */
  readonly onFault: (error: unknown) => void
  /** Called for a host that another process is asking, each time it is tried. */
  readonly onBusyHost?: (host: string) => void
}

/** A source that is being fetched; `silent` once its host has taken longer than most. */
type Running = { readonly candidate: SourceRef; state: 'asked' | 'silent' | 'fetched' }

/** Concurrent fetches without and with those of silent hosts. Sources that failed last time get at most half of either. */
const MOST_BUSY = fitConnections('hosts', 16)
const MOST_RUNNING = fitConnections('hosts', 256)
/** A fetch that takes longer makes room for another: a socket costs next to nothing while its host is silent. */
const SILENT_AFTER_MS = 500
/** A host that another process is asking is tried again after this. */
const BUSY_HOST_MS = 500
/** A host whose answer could not be stored is left alone this long: it is not to be asked again and again for our own faults. */
const AFTER_FAULT_MS = 10_000

/**
 * Fetches many sources concurrently, but those of one host one after another, across all processes on one database. Hosts
 * that do not answer delay no other.
 */
export class Collector {
  readonly #work: CollectorWork
  readonly #owner = `${hostname()}:${process.pid}`
  #waiting: SourceRef[] = []
  /** By their host. */
  readonly #running = new Map<string, Running>()
  readonly #ends = new Set<Promise<void>>()
  /** Hosts to leave alone for a while. */
  readonly #leftAlone = new Set<string>()
  #change = Promise.withResolvers<void>()
  readonly #ended = new AbortController()

  constructor(work: CollectorWork) {
    this.#work = work
    work.signal.addEventListener('abort', () => this.#changed(), { once: true })
  }

  /** Fetches these sources; ends when all are done. Replaces the sources that were still waiting. */
  async fetchAll(candidates: readonly SourceRef[]): Promise<void> {
    this.#waiting = [...candidates]
    await this.#fetchUntil(() => this.#waiting.length === 0 && this.#running.size === 0)
  }

  /** Like `fetchAll`, but ends after `ms`: fetches under way go on, and sources still waiting stay so until the next call. */
  async fetchFor(candidates: readonly SourceRef[], ms: number): Promise<void> {
    const { clock, signal } = this.#work
    this.#waiting = candidates.filter(({ id, host }) => this.#running.get(host)?.candidate.id !== id)
    let isOver = false
    const failed = new AbortController()
    void clock.sleep(ms, AbortSignal.any([signal, failed.signal])).then(() => {
      isOver = true
      this.#changed()
    })
    try {
      await this.#fetchUntil(() => isOver)
    } finally {
      failed.abort()
    }
  }

  /** Whether fetches are under way. */
  get isBusy(): boolean {
    return this.#running.size > 0
  }

  /** Waits for the fetches under way. Nothing may be fetched after that. */
  async end(): Promise<void> {
    await Promise.all(this.#ends)
    this.#ended.abort()
  }

  async #fetchUntil(isDone: () => boolean): Promise<void> {
    while (!this.#work.signal.aborted) {
      const { promise } = this.#change
      await this.#begin()
      if (isDone()) return
      await promise
    }
  }

  #changed(): void {
    this.#change.resolve()
    this.#change = Promise.withResolvers()
  }

  /** Starts fetches while there is room for a waiting source. */
  async #begin(): Promise<void> {
    const { db, clock, signal, onlyDue, onBusyHost, onFault } = this.#work
    for (let next = this.#takeNext(); next !== null; next = this.#takeNext()) {
      const candidate = next
      const lease = () => leaseSource(db, candidate, this.#owner, onlyDue, clock)
      const leased = await retryTransient(clock, lease, { signal }).catch((error: unknown) => {
        // A source that cannot be leased must not stop the others.
        if (isTransient(error)) throw error
        onFault(error)
        return 'settled' as const
      })
      if (leased === 'busy') {
        onBusyHost?.(candidate.host)
        this.#waiting.unshift(candidate)
        this.#leaveAlone(candidate.host, BUSY_HOST_MS)
      } else if (leased !== 'settled') this.#start(candidate, leased)
    }
  }

  #takeNext(): SourceRef | null {
    if (this.#work.signal.aborted) return null
    const hasRoom = { healthy: this.#hasRoom(false), failing: this.#hasRoom(true) }
    const at = this.#waiting.findIndex(
      ({ host, failing }) =>
        !this.#running.has(host) && !this.#leftAlone.has(host) && (failing ? hasRoom.failing : hasRoom.healthy),
    )
    return this.#waiting.splice(at, at < 0 ? 0 : 1)[0] ?? null
  }

  #hasRoom(failing: boolean): boolean {
    const running = [...this.#running.values()]
    const busy = running.filter(({ state }) => state !== 'silent')
    if (busy.length >= MOST_BUSY || running.length >= MOST_RUNNING) return false
    const countFailing = (some: readonly Running[]) => some.filter(({ candidate }) => candidate.failing).length
    return !failing || (countFailing(busy) < MOST_BUSY / 2 && countFailing(running) < MOST_RUNNING / 2)
  }

  #leaveAlone(host: string, ms: number): void {
    this.#leftAlone.add(host)
    void this.#work.clock.sleep(ms, this.#ended.signal).then(() => {
      this.#leftAlone.delete(host)
      this.#changed()
    })
  }

  #start(candidate: SourceRef, leased: LeasedSource): void {
    const running: Running = { candidate, state: 'asked' }
    this.#running.set(candidate.host, running)
    const end = this.#fetch(running, leased).finally(() => {
      this.#running.delete(candidate.host)
      this.#ends.delete(end)
      this.#changed()
    })
    this.#ends.add(end)
  }

  async #fetch(running: Running, leased: LeasedSource): Promise<void> {
    const { clock, collect, onFault } = this.#work
    const answered = new AbortController()
    void clock.sleep(SILENT_AFTER_MS, answered.signal).then(() => {
      if (running.state !== 'asked') return
      running.state = 'silent'
      this.#changed()
    })
    const onFetched = () => {
      running.state = 'fetched'
      answered.abort()
    }
    try {
      await collect(leased, onFetched)
    } catch (error) {
      this.#leaveAlone(running.candidate.host, AFTER_FAULT_MS)
      onFault(error)
    } finally {
      onFetched()
    }
  }
}
