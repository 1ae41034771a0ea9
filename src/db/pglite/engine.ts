import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { WorkerMessage, WorkerRequest, WorkerSetup } from './engine-thread.ts'

const RESTART_EVERY_MS = 1_000
/** An engine that does not open by then is stuck: making a database takes six seconds, and more on a machine that is busy. */
const OPEN_WITHIN_MS = 300_000

/**
 * The engine in a worker thread, behind its socket. When it ends by itself, because the disk is full for instance, it is
 * started anew until it opens, as a server is by its supervisor; nobody answers at the socket meanwhile.
 */
export class EmbeddedEngine {
  readonly #order: WorkerSetup
  #worker: Worker | null = null
  #isClosing = false

  private constructor(order: WorkerSetup) {
    this.#order = order
  }

  /** Starts it; fails where it does not open. */
  static async start(order: WorkerSetup): Promise<EmbeddedEngine> {
    const engine = new EmbeddedEngine(order)
    await engine.#open()
    return engine
  }

  /** How many connections are open. */
  async countClients(): Promise<number> {
    const word = await this.#ask('clients').catch(() => null)
    return word?.kind === 'clients' ? word.count : 0
  }

  /** Closes the database, and ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#ask('close').catch(() => {})
    await this.#worker?.terminate()
  }

  async #open(): Promise<void> {
    const worker = new Worker(new URL('./engine-thread.ts', import.meta.url), { workerData: this.#order })
    const late = setTimeout(() => void worker.terminate(), OPEN_WITHIN_MS)
    try {
      await hear(worker, 'ready')
    } finally {
      clearTimeout(late)
    }
    this.#worker = worker
    worker.once('exit', () => void this.#reopen())
    // Its errors are heard as its end.
    worker.on('error', () => {})
    worker.unref()
  }

  async #reopen(): Promise<void> {
    this.#worker = null
    while (!this.#isClosing) {
      await pause(RESTART_EVERY_MS, null, { ref: false })
      if (!this.#isClosing && (await this.#open().then(isDone, isNot))) return
    }
  }

  async #ask(question: WorkerRequest): Promise<WorkerMessage | null> {
    if (this.#worker === null) return null
    const answer = hear(this.#worker, question === 'close' ? 'closed' : question)
    this.#worker.postMessage(question)
    return answer
  }
}

const isDone = () => true
const isNot = () => false

/** Waits for what the thread says; fails when it ends without. */
function hear(worker: Worker, kind: WorkerMessage['kind']): Promise<WorkerMessage> {
  worker.ref()
  return new Promise((resolve, reject) => {
    const onMessage = (word: WorkerMessage) => word.kind === kind && leave(() => resolve(word))
    const onError = (error: unknown) => leave(() => reject(error))
    const onExit = () => leave(() => reject(new Error('the engine has ended')))
    const leave = (done: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      done()
    }
    worker.on('message', onMessage).once('error', onError).once('exit', onExit)
  })
}
