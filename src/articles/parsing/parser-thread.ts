import { getCompileCacheDir } from 'node:module'
import { Worker } from 'node:worker_threads'
import { CourantError } from '../../errors.ts'
import type { ParserTasks } from './parser-tasks.ts'

/** What a reading may take. */
export type ParserLimits = {
  readonly milliseconds: number
  /** Of the thread's heap and what it holds outside of it. */
  readonly megabytes: number
  /** Of all texts in the answer. */
  readonly characters: number
}

export type ParserSetup = { readonly cacheFolder: string | null; readonly mostCharacters: number }
export type ParserRequest = { readonly name: keyof ParserTasks; readonly input: unknown }
export type ParserResponse =
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'large' }
  /** The stack was exceeded, or the longest text there can be. */
  | { readonly kind: 'deep' }
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'refused'; readonly error: Pick<CourantError, 'code' | 'what' | 'why' | 'todo'> }

/** Loading the code takes half a second; a thread that has not by then is stuck. */
const START_MS = 30_000
const WATCH_EVERY_MS = 50
const MB = 1024 * 1024

/**
 * A thread that reads one document at a time. One that exceeds a limit is ended in the middle of it, whatever it is doing.
 *
 * Its memory is watched from here and not limited by `resourceLimits`: where a single allocation goes beyond such a limit,
 * V8 ends the whole process (measured with Node 24.21: one `split` of 30 MB under a limit of 64 MB).
 */
export class ParserThread {
  readonly #worker: Worker
  readonly #limits: ParserLimits
  readonly #started: Promise<unknown>
  #hasEnded = false

  constructor(limits: ParserLimits) {
    this.#limits = limits
    const workerData: ParserSetup = {
      cacheFolder: getCompileCacheDir() ?? null,
      mostCharacters: limits.characters,
    }
    this.#worker = new Worker(new URL('./parser-worker.ts', import.meta.url), { workerData, name: 'feed-parser' })
    this.#worker.once('exit', () => {
      this.#hasEnded = true
    })
    // Whoever waits for an answer hears it; nobody waits for an idle thread.
    this.#worker.on('error', () => {
      this.#hasEnded = true
    })
    this.#started = this.#hear(AbortSignal.timeout(START_MS), () => new Error('the reading thread does not start'))
    this.#started.catch(() => {})
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /**
   * Does one piece of work. While it lasts the process stays alive.
   *
   * @throws CourantError `reading.limit`, when it exceeded a limit; `reading.late`, when the signal was aborted; those of the
   * work itself.
   */
  async read(order: ParserRequest, signal: AbortSignal | undefined): Promise<unknown> {
    this.#worker.ref()
    const excess = new AbortController()
    const over = new AbortController()
    const stop = AbortSignal.any([excess.signal, ...(signal === undefined ? [] : [signal])])
    try {
      await this.#started
      const answered = this.#hear(stop, () => (excess.signal.aborted ? excess.signal.reason : lateError()))
      this.#worker.postMessage(order)
      void this.#watch(excess, over.signal)
      return this.#open((await answered) as ParserResponse)
    } finally {
      over.abort()
      this.#worker.unref()
    }
  }

  /** Ends the thread, in the middle of its work where it has some. */
  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #open(answer: ParserResponse): unknown {
    switch (answer.kind) {
      case 'done':
        return answer.output
      case 'large':
        throw limitError(
          `What was read in it is longer than ${this.#limits.characters.toLocaleString('en')} characters.`,
        )
      case 'deep':
        throw limitError('It is nested too deep to be read, or too long.')
      case 'broken':
        throw new Error(answer.reason)
      case 'refused': {
        const { code, what, why, todo } = answer.error
        throw new CourantError(code, { what, ...(why !== null && { why }), ...(todo !== null && { todo }) })
      }
    }
  }

  /** Aborts `excess` with the reason once the thread takes too long, or too much memory. */
  async #watch(excess: AbortController, over: AbortSignal): Promise<void> {
    const { milliseconds, megabytes } = this.#limits
    const late = setTimeout(() => {
      excess.abort(limitError(`Reading it took longer than ${milliseconds / 1000} s.`))
    }, milliseconds)
    over.addEventListener('abort', () => clearTimeout(late), { once: true })
    while (!over.aborted) {
      await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS).unref())
      if (over.aborted) return
      // Answered by the thread between two steps of what it is doing; one that has ended says nothing.
      const heap = await this.#worker.getHeapStatistics().catch(() => null)
      if (heap === null) return
      if (heap.used_heap_size + heap.external_memory > megabytes * MB)
        excess.abort(limitError(`Reading it took more than ${megabytes} MB of memory.`))
    }
  }

  /** The thread's next word. Once the signal is aborted the thread is ended, and it fails. */
  #hear(stop: AbortSignal, reason: () => unknown): Promise<unknown> {
    const worker = this.#worker
    return new Promise((resolve, reject) => {
      const onMessage = (word: unknown) => leave(() => resolve(word))
      const onError = (error: unknown) => leave(() => reject(error))
      const onExit = () => leave(() => reject(new Error('the reading thread has ended')))
      const onStop = () => {
        this.#hasEnded = true
        leave(() => reject(reason()))
        void worker.terminate()
      }
      const leave = (settle: () => void) => {
        worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        stop.removeEventListener('abort', onStop)
        settle()
      }
      worker.on('message', onMessage).once('error', onError).once('exit', onExit)
      if (stop.aborted) onStop()
      else stop.addEventListener('abort', onStop, { once: true })
    })
  }
}

function limitError(why: string): CourantError {
  return new CourantError('reading.limit', {
    what: why,
    todo: 'Look at the document: it is too large, or made to do harm.',
  })
}

/** What waited for its turn, or was being read, when its time was over. */
export function lateError(): CourantError {
  return new CourantError('reading.late', {
    what: 'It was not read in time.',
    why: 'Other documents were being read, or the work was stopped.',
    todo: 'It is tried again.',
  })
}
