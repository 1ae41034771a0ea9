import type { PGlite } from '@electric-sql/pglite'

/** Takes a client's protocol messages and runs them when it is that client's turn; the shape pglite-socket asks for. */
export type Turns = {
  readonly enqueue: (client: number, message: Uint8Array, answer: (octets: Uint8Array) => void) => Promise<number>
  readonly clearQueueForHandler: (client: number) => void
  readonly clearTransactionIfNeeded: (client: number) => Promise<void>
  readonly getQueueLength: () => number
}

/** What the turns cannot do themselves. */
type TurnsWork = {
  /** The engine has given up: it answers nothing more, and nobody's turn comes any more. */
  readonly onPanic: () => void
  /** A client's transaction was rolled back since it said nothing for too long; it has been told, and is to be cut off. */
  readonly onExpelled: (client: number) => void
  /** Does something after a while, unless what it returns is called before. */
  readonly later: (ms: number, act: () => void) => () => void
}

type Batch = {
  readonly client: number
  readonly octets: Buffer
  readonly answer: (octets: Uint8Array) => void
  readonly resolve: (count: number) => void
  readonly reject: (error: unknown) => void
}

/** Messages after which a client waits for an answer: Query, Sync, Flush, FunctionCall. */
const ENDS = new Set([...'QSHF'].map((letter) => letter.charCodeAt(0)))
/** Refused, so that pglite-socket drops the connection: it would stay open for as long as the last answer is not read. */
const TERMINATE = 'X'.charCodeAt(0)
/** ReadyForQuery ends an answer; its last octet is I idle, T in a transaction, E in a failed one. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5])
const IDLE = 'I'.charCodeAt(0)
/** The severity of an error after which the engine must be started anew; PGlite would answer nothing more, and end nothing. */
const PANIC = 'VPANIC\0'
/** A transaction whose client says nothing for so long, since it was stopped (Ctrl-Z) or froze, must not hold up all others. */
const IDLE_TRANSACTION_MS = 10_000
const EXPELLED = fatal('25P03', 'terminating connection due to idle-in-transaction timeout')
/** In place of the client whose turn it is while its transaction is rolled back; nobody's turn comes meanwhile. */
const LEAVING = -1
/** An error is shorter. */
const END_OF_ANSWER = 8192

/**
 * Serves the clients of one embedded session in turns. A client keeps the turn from its first message up to Sync, and
 * through its whole transaction: all share one session, so another's message in between would bind to the wrong
 * statement. (pglite-socket 0.2.17's own queue changes turns after every message outside of transactions.)
 */
export function takeTurns(database: PGlite, { onPanic, onExpelled, later }: TurnsWork): Turns {
  const gathered = new Map<number, Uint8Array[]>()
  const expelled = new Set<number>()
  let waiting: Batch[] = []
  let owner: number | null = null
  let running = false
  let isDead = false
  let stopWaiting = () => {}

  async function serve(): Promise<void> {
    if (running) return
    running = true
    for (let batch = takeNext(); batch !== null && !isDead; batch = takeNext()) await run(batch)
    running = false
  }

  function takeNext(): Batch | null {
    const at = owner === null ? 0 : waiting.findIndex((batch) => batch.client === owner)
    return waiting.splice(at, at < 0 ? 0 : 1)[0] ?? null
  }

  async function run(batch: Batch): Promise<void> {
    stopWaiting()
    owner = batch.client
    let last = Buffer.alloc(0)
    let count = 0
    try {
      await database.runExclusive(() =>
        database.execProtocolRawStream(batch.octets, {
          onRawData: (octets) => {
            count += octets.length
            last = Buffer.concat([last, octets]).subarray(-END_OF_ANSWER)
            batch.answer(octets)
          },
        }),
      )
      const end = last.subarray(-READY.length - 1)
      if (end.subarray(0, READY.length).equals(READY)) {
        if (end[READY.length] === IDLE) owner = null
      } else if (last.includes(PANIC)) {
        isDead = true
        onPanic()
      }
      if (owner !== null && !isDead) stopWaiting = later(IDLE_TRANSACTION_MS, () => void expel(batch))
      batch.resolve(count)
    } catch (error) {
      owner = null
      batch.reject(error)
    }
  }

  async function expel({ client, answer }: Batch): Promise<void> {
    if (owner !== client || running) return
    // What it says when it goes on again belongs to the transaction that is no more.
    expelled.add(client)
    answer(EXPELLED)
    onExpelled(client)
    await leave(client)
  }

  async function leave(client: number): Promise<void> {
    gathered.delete(client)
    if (owner !== client || isDead) return
    stopWaiting()
    owner = LEAVING
    await database.exec('rollback')
    owner = null
    await serve()
  }

  return {
    enqueue: async (client, message, answer) => {
      if (expelled.has(client)) throw new Error('the client has been cut off')
      if (message[0] === TERMINATE) {
        await leave(client)
        throw new Error('the client has said goodbye')
      }
      const messages = [...(gathered.get(client) ?? []), message]
      gathered.set(client, messages)
      if (!ENDS.has(message[0] ?? 0) && !isStartup(message)) return 0
      gathered.delete(client)
      return new Promise((resolve, reject) => {
        waiting.push({ client, octets: Buffer.concat(messages), answer, resolve, reject })
        void serve()
      })
    },
    clearQueueForHandler: (client) => {
      gathered.delete(client)
      for (const batch of waiting) if (batch.client === client) batch.reject(new Error('the client is gone'))
      waiting = waiting.filter((batch) => batch.client !== client)
    },
    clearTransactionIfNeeded: leave,
    getQueueLength: () => waiting.length,
  }
}

/** The first message has no type: its length's first octet stands there, and is 0. */
const isStartup = (message: Uint8Array) => message[0] === 0

/** An error after which the server closes the connection. */
function fatal(code: string, words: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${words}\0\0`)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(fields.length + 4)
  return Buffer.concat([Buffer.from('E'), length, fields])
}
