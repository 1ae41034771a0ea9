import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { REDACT_NOTHING, type Redact } from './concealment.ts'
import { openReadBuffer, type ReadBuffer } from './read-buffer.ts'
import { type AwaitedReply, INITIAL_STATE, type ParsedReply, readReplies } from './reply-parser.ts'
import { writePieces } from './write-buffer.ts'

/** A socket to a relay: what is said goes out in order, and each `hear` gets one reply in order. */
export type RelaySocket = {
  /** Sends it; what is said in one turn of the event loop goes out in one write. After the end nothing is sent. */
  readonly send: (pieces: readonly (string | Uint8Array)[]) => void
  /**
   * The next reply. Its time runs from when it is next in turn, and is not prolonged by parts of it. What comes behind a
   * reply that is `last` is dropped unread until something is heard again. Never throws.
   */
  readonly receive: (timeoutMs: number, last?: boolean) => Promise<AwaitedReply>
  /** Puts TLS on, after a reply that was the last in the clear; null when it stands, else why not. Never throws. */
  readonly encrypt: (options: ConnectionOptions, timeoutMs: number) => Promise<string | null>
  /** From now on everything that is heard passes through this. */
  readonly redact: (conceal: Redact) => void
  /** The address of this machine that the relay sees, but for translators on the way. */
  readonly localAddress: string
  /** Why nothing more can be said or heard; null while something can. */
  readonly ended: string | null
  /** Ends it at once; what waits for a reply hears why. Ends when the socket is closed. */
  readonly end: (why: string) => Promise<void>
}

type Waiting = { readonly resolve: (said: AwaitedReply) => void; readonly timeoutMs: number; readonly last: boolean }

const TOO_LONG = 'The relay took too long.'
const CLOSED = 'The connection was closed.'
/** Keeps the mappings of address translators alive while a connection idles. */
const KEEP_ALIVE_MS = 30_000

/** Connects; a text says why not. Never throws. */
export async function openSocket(host: string, port: number, timeoutMs: number): Promise<RelaySocket | string> {
  // One address of many that does not answer may not use up the time of the others.
  const autoSelectFamilyAttemptTimeout = Math.max(250, Math.floor(timeoutMs / 10))
  const ear = openReadBuffer()
  const { onread } = ear
  const socket = connect({ host, port, autoSelectFamily: true, autoSelectFamilyAttemptTimeout, onread })
  const trouble = await waitFor(socket, 'connect', timeoutMs)
  if (trouble !== null) return trouble
  // Commands go out in the groups they belong to: Nagle could only delay them.
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  return wrapSocket(socket, ear)
}

function wrapSocket(plain: Socket, ear: ReadBuffer): RelaySocket {
  let socket = plain
  let heard = INITIAL_STATE
  let listening = false
  let outgoing: (string | Uint8Array)[] = []
  let ended: string | null = null
  let conceal = REDACT_NOTHING
  let timer: NodeJS.Timeout | undefined
  const waiting: Waiting[] = []

  const onClose = () => end(CLOSED)

  function attach(): void {
    socket.on('error', (error) => end(describe(error)))
    socket.on('end', onClose)
    socket.on('close', onClose)
    if (socket.destroyed) end(CLOSED)
  }

  function listen(): void {
    if (listening) return
    listening = true
    if (socket === plain) ear.listen(plain, onData)
    else socket.on('data', onData)
  }

  function stopListening(): void {
    ear.close()
    socket.off('data', onData)
    listening = false
    heard = INITIAL_STATE
  }

  function onData(chunk: Uint8Array): void {
    const read = readReplies(heard, chunk)
    heard = read.rest
    for (const said of read.heard) if (listening && ended === null) take(said)
  }

  function take(said: ParsedReply): void {
    if (said.kind === 'protocol-error') {
      end(conceal(said.why))
      return
    }
    const text = conceal(said.text)
    const next = waiting.shift()
    next?.resolve({ ...said, text })
    if (next?.last) stopListening()
    clearTimeout(timer)
    // RFC 5321 §3.8: behind 421 nothing is replied to. And who answers unasked is out of step with every later question.
    if (said.code === 421) end(text)
    else if (next === undefined) end(`The relay said what nobody asked for: ${text}`)
    else startTimer()
  }

  function startTimer(): void {
    const next = waiting[0]
    if (next !== undefined) timer = setTimeout(() => end(TOO_LONG), next.timeoutMs)
  }

  function flush(): void {
    const pieces = outgoing
    outgoing = []
    if (ended === null) writePieces(socket, pieces)
  }

  function end(why: string): void {
    if (ended !== null) return
    ended = why
    clearTimeout(timer)
    socket.destroy()
    for (const one of waiting.splice(0)) one.resolve({ kind: 'ended', why })
  }

  attach()
  return {
    send: (pieces) => {
      if (ended !== null) return
      // Behind all that waits for nothing but promises: the end of one content and the envelope of the next, say.
      if (outgoing.length === 0) process.nextTick(flush)
      for (const piece of pieces) outgoing.push(piece)
    },
    receive: (timeoutMs, last = false) =>
      new Promise((resolve) => {
        if (ended !== null) return resolve({ kind: 'ended', why: ended })
        waiting.push({ resolve, timeoutMs, last })
        if (waiting.length === 1) startTimer()
        // Not before the first question, so that a greeting that comes early waits for it.
        listen()
      }),
    encrypt: async (options, timeoutMs) => {
      if (ended !== null) return ended
      stopListening()
      // Why TLS failed is said by the socket above, and the one below closes with it.
      socket.off('end', onClose).off('close', onClose)
      const secured = connectTls({ ...options, socket })
      const trouble = await waitFor(secured, 'secureConnect', timeoutMs)
      if (trouble !== null) end(trouble)
      socket = secured
      attach()
      return ended
    },
    redact: (next) => {
      conceal = next
    },
    localAddress: plain.localAddress ?? '127.0.0.1',
    get ended() {
      return ended
    },
    end: async (why) => {
      const closed = new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))
      end(why)
      await closed
    },
  }
}

/** Waits for `event`; null when it came, else why not, and the socket is destroyed. */
function waitFor(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const finish = (why: string | null) => {
      clearTimeout(timer)
      if (why !== null) socket.destroy()
      resolve(why)
    }
    const timer = setTimeout(() => finish(TOO_LONG), timeoutMs)
    socket.once(event, () => finish(null))
    // Both stay: an error without a listener would end the process, and once it is over they change nothing.
    socket.on('error', (error) => finish(describe(error)))
    socket.on('close', () => finish(CLOSED))
  })
}

/** Where several addresses were tried, the error has no message of its own. */
function describe(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.name
  return error.message === '' ? `The relay cannot be reached: ${code}` : error.message
}
