import { setTimeout as pause } from 'node:timers/promises'
import type { ParserTasks } from './parser-tasks.ts'
import { lateError, type ParserLimits, ParserThread } from './parser-thread.ts'

/** How a piece of work is to be done. */
export type ParseOptions = {
  /** Aborted, it is given up: while it waits, and in the middle of it. */
  readonly signal?: AbortSignal | undefined
  /** Whether the source failed last time. Of these one is read at a time, so that they never take all threads. */
  readonly isSuspect?: boolean | undefined
}

type Task = ParseOptions & {
  /** Of what is to be read. */
  readonly octets: number
  readonly order: { readonly name: keyof ParserTasks; readonly input: unknown }
  readonly resolve: (output: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A thread, and what it is doing; `idle` is aborted when it has something to do again. */
type Seat = { readonly thread: ParserThread; task: Task | null; isSlow: boolean; idle: AbortController }

const PARSER_LIMITS: ParserLimits = { milliseconds: 5_000, megabytes: 256, characters: 20_000_000 }
const MOST_THREADS = 2
/** A second thread is started only when the first is kept by one document for longer. */
const SLOW_MS = 1_000
const IDLE_MS = 60_000

/** Waits until a thread has been idle for long enough, and keeps no process alive. */
type Rest = (signal: AbortSignal) => Promise<unknown>
const waitIdle: Rest = (signal) => pause(IDLE_MS, null, { signal, ref: false })

/**
 * Reads what others wrote in threads of its own, since a document may be made to take all the time and memory there is. The
 * threads are started when there is something to read, and end when they have been idle for a minute.
 */
export class ParserPool {
  readonly #limits: ParserLimits
  readonly #rest: Rest
  readonly #seats = new Set<Seat>()
  readonly #waiting: Task[] = []

  constructor(limits: ParserLimits = PARSER_LIMITS, rest: Rest = waitIdle) {
    this.#limits = limits
    this.#rest = rest
  }

  /** How many threads there are. */
  get threads(): number {
    return this.#seats.size
  }

  /**
   * Does a piece of work in its turn: the smallest of those that wait first, since a document takes no more time than its
   * length allows, so that a feed as most are does not wait for a hundred that are made to take all there is; but one after
   * another for suspects.
   *
   * @throws CourantError as `ParserThread.read` does.
   */
  ask<Name extends keyof ParserTasks>(
    name: Name,
    input: Parameters<ParserTasks[Name]>[0],
    asking: ParseOptions = {},
  ): Promise<ReturnType<ParserTasks[Name]>> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const task: Task = { ...asking, octets: octetsOf(input), order: { name, input }, resolve, reject }
    const giveUp = () => {
      const at = this.#waiting.indexOf(task)
      if (at < 0) return
      this.#waiting.splice(at, 1)
      reject(lateError())
    }
    this.#waiting.push(task)
    if (asking.signal?.aborted) giveUp()
    asking.signal?.addEventListener('abort', giveUp, { once: true })
    this.#begin()
    return promise.finally(() => asking.signal?.removeEventListener('abort', giveUp)) as Promise<
      ReturnType<ParserTasks[Name]>
    >
  }

  /** Ends the threads that have nothing to do. The next document starts one anew. */
  async end(): Promise<void> {
    const idle = [...this.#seats].filter(({ task }) => task === null)
    await Promise.all(idle.map((seat) => this.#leave(seat)))
  }

  #begin(): void {
    for (let at = this.#findNext(); at >= 0; at = this.#findNext()) {
      const seat = this.#findSeat()
      if (seat === null) return
      const [task] = this.#waiting.splice(at, 1)
      if (task !== undefined) void this.#serve(seat, task)
    }
  }

  /** The place of the smallest that may be read now, the first come among equals; −1 for none. */
  #findNext(): number {
    const isSuspectRead = [...this.#seats].some(({ task }) => task?.isSuspect === true)
    let smallest = -1
    for (const [at, { isSuspect, octets }] of this.#waiting.entries())
      if (!(isSuspect && isSuspectRead) && octets < (this.#waiting[smallest]?.octets ?? Number.POSITIVE_INFINITY))
        smallest = at
    return smallest
  }

  /** An idle seat, or a new one where there is need of it; null where there is none. */
  #findSeat(): Seat | null {
    const seats = [...this.#seats]
    const idle = seats.find(({ task }) => task === null)
    if (idle !== undefined) return idle
    if (seats.length >= MOST_THREADS || seats.some(({ isSlow }) => !isSlow)) return null
    const seat: Seat = {
      thread: new ParserThread(this.#limits),
      task: null,
      isSlow: false,
      idle: new AbortController(),
    }
    this.#seats.add(seat)
    return seat
  }

  async #serve(seat: Seat, task: Task): Promise<void> {
    seat.task = task
    seat.idle.abort()
    const slow = setTimeout(() => {
      seat.isSlow = true
      this.#begin()
    }, SLOW_MS).unref()
    try {
      task.resolve(await seat.thread.read(task.order, task.signal))
    } catch (error) {
      task.reject(error)
    } finally {
      clearTimeout(slow)
      Object.assign(seat, { task: null, isSlow: false })
    }
    if (seat.thread.hasEnded) this.#seats.delete(seat)
    else void this.#endWhenIdle(seat)
    this.#begin()
  }

  async #endWhenIdle(seat: Seat): Promise<void> {
    seat.idle = new AbortController()
    const { signal } = seat.idle
    await this.#rest(signal).catch(() => {})
    if (!signal.aborted && seat.task === null) await this.#leave(seat)
  }

  async #leave(seat: Seat): Promise<void> {
    this.#seats.delete(seat)
    seat.idle.abort()
    await seat.thread.end()
  }
}

/** Octets of the documents in what is to be read. */
function octetsOf(input: unknown): number {
  if (ArrayBuffer.isView(input)) return input.byteLength
  if (typeof input !== 'object' || input === null) return 0
  return Object.values(input).reduce((sum: number, part) => sum + octetsOf(part), 0)
}

/** The one of this process: its threads are the machine's, however many parts of Courant read at once. */
export const parserPool = new ParserPool()
