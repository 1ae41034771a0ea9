import { type AddressInfo, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** What a client's line is to a script: `secret` goes on with a login, `content` ends a message. */
export type Verb =
  | 'EHLO'
  | 'HELO'
  | 'STARTTLS'
  | 'AUTH'
  | 'secret'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'content'
  | 'RSET'
  | 'QUIT'

/** Octets to say, or something to do; null stays silent. */
export type Answer = string | null | ((socket: Socket) => void)

/** How a relay misbehaves; where nothing is said it does as a relay should. */
export type Script = {
  readonly greeting?: Answer
  /** The answers to a verb, one after another, the last for ever. */
  readonly answers?: Partial<Record<Verb, readonly Answer[]>>
  /** Keywords of the reply to EHLO. */
  readonly offers?: readonly string[]
  /** Holds replies to MAIL, RCPT and DATA back until so many are there, and says them in one lump. */
  readonly lump?: number
  /** Says one octet at a time. */
  readonly drips?: boolean
  /** Hears only the first of the commands that come together. */
  readonly hearsOne?: boolean
  /** Drops what it has read and not looked at when it refuses something. */
  readonly discardsAfterError?: boolean
  /** For STARTTLS, or for TLS from the first octet. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly secure?: boolean
}

export type HostileRelay = {
  readonly port: number
  /** Each line that came, contents apart. */
  readonly lines: readonly string[]
  /** How many lines came with each read. */
  readonly reads: readonly number[]
  /** Contents whose end came, with their dots as they were on the wire. */
  readonly contents: readonly string[]
  /** Contents that were cut off by the end of the connection. */
  readonly cut: readonly string[]
  readonly connections: () => number
  /** Says something unasked to everybody, and closes. */
  readonly interrupt: (text: string) => void
  /** Ends when so many connections have ended. */
  readonly ended: (count: number) => Promise<void>
  readonly close: () => Promise<void>
}

const USUAL: Readonly<Record<Verb, string>> = {
  EHLO: '',
  HELO: '250 hostile.test\r\n',
  STARTTLS: '220 2.0.0 go ahead\r\n',
  AUTH: '235 2.7.0 welcome\r\n',
  secret: '235 2.7.0 welcome\r\n',
  MAIL: '250 2.1.0 sender ok\r\n',
  RCPT: '250 2.1.5 recipient ok\r\n',
  DATA: '354 go on\r\n',
  content: '250 2.0.0 taken\r\n',
  RSET: '250 2.0.0 forgotten\r\n',
  QUIT: '221 2.0.0 bye\r\n',
}

/** Closes as a polite relay does. */
export function hangUp(socket: Socket): void {
  socket.end()
}

/** Closes as a relay does whose machine was switched off and on. */
export function vanish(socket: Socket): void {
  socket.resetAndDestroy()
}

/** Starts a server on a free port of 127.0.0.1 that follows a script, and keeps what it is told. */
export async function startHostileRelay(script: Script = {}): Promise<HostileRelay> {
  const record: Kept = { lines: [], reads: [], contents: [], cut: [], used: new Map() }
  const open = new Set<Socket>()
  const waiting: { count: number; wake: () => void }[] = []
  let [seen, over] = [0, 0]
  const server = createServer((socket) => {
    open.add(socket)
    seen += 1
    socket.on('error', () => {})
    socket.on('close', () => {
      open.delete(socket)
      over += 1
      for (const { count, wake } of waiting) if (over >= count) wake()
    })
    converse(script.secure === true ? secure(socket, script) : socket, script, record, true)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port, // Listening on a port, so neither a path nor null.
    lines: record.lines,
    reads: record.reads,
    contents: record.contents,
    cut: record.cut,
    connections: () => seen,
    interrupt: (text) => {
      for (const socket of open) socket.end(text)
    },
    ended: (count) =>
      new Promise((wake) => {
        if (over >= count) wake()
        else waiting.push({ count, wake })
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

type Kept = {
  readonly lines: string[]
  readonly reads: number[]
  readonly contents: string[]
  readonly cut: string[]
  readonly used: Map<Verb, number>
}

function secure(socket: Socket, { tls }: Script): TLSSocket {
  const secured = new TLSSocket(socket, { isServer: true, ...tls })
  secured.on('error', () => {})
  // A client that leaves in the middle of the handshake: what waits for its end would keep the socket open.
  secured.on('end', () => socket.destroy())
  return secured
}

function converse(socket: Socket, script: Script, record: Kept, greets: boolean): void {
  const speak = openMouth(socket, script)
  let rest = ''
  let content: string | null = null
  /** RFC 5321 §4.1.4: without a sender and a recipient there is no message to take. */
  let refused = false

  function takeLine(): Verb | null {
    const at = rest.indexOf('\r\n')
    if (at < 0) return null
    const line = rest.slice(0, at)
    rest = rest.slice(at + 2)
    record.lines.push(line)
    const word = /^(EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|RSET|QUIT)\b/.exec(line)?.[1] ?? 'secret'
    return word as Verb // Each word of the pattern is one.
  }

  function takeContent(begun: string): Verb | null {
    content = begun + rest
    rest = ''
    const end = `\r\n${content}`.indexOf('\r\n.\r\n')
    if (end < 0) return null
    record.contents.push(content.slice(0, end))
    rest = content.slice(end + 3)
    content = null
    return 'content'
  }

  function onData(chunk: Buffer): void {
    rest += chunk.toString('latin1')
    const before = record.lines.length
    for (;;) {
      const verb = content === null ? takeLine() : takeContent(content)
      if (verb === null) break
      const answer = answerTo(verb, refused, script, record)
      const said = typeof answer === 'string' ? answer : ''
      if (verb === 'MAIL') refused = false
      if (verb === 'MAIL' || verb === 'RCPT') refused ||= /^[45]/.test(said)
      if (script.hearsOne === true && verb !== 'content') rest = ''
      if (script.discardsAfterError === true && /^[45]/.test(said)) rest = ''
      if (verb === 'DATA' && said.startsWith('354')) content = ''
      speak(verb, answer)
      if (verb !== 'STARTTLS' || script.tls === undefined || !said.startsWith('220')) continue
      socket.off('data', onData)
      converse(secure(socket, script), script, record, false)
      break
    }
    if (record.lines.length > before) record.reads.push(record.lines.length - before)
  }

  socket.on('data', onData)
  socket.on('close', () => {
    if (content !== null) record.cut.push(content)
  })
  if (greets) speak('QUIT', script.greeting === undefined ? '220 hostile.test\r\n' : script.greeting)
}

function answerTo(verb: Verb, refused: boolean, { answers, offers = [] }: Script, { used }: Kept): Answer {
  const count = used.get(verb) ?? 0
  used.set(verb, count + 1)
  const given = answers?.[verb]?.slice(0, count + 1).at(-1)
  if (given !== undefined) return given
  if (verb === 'DATA' && refused) return '503 5.5.1 nobody to take it for\r\n'
  if (verb !== 'EHLO') return USUAL[verb]
  const all = ['hostile.test', ...offers]
  return all.map((offer, at) => `250${at === all.length - 1 ? ' ' : '-'}${offer}\r\n`).join('')
}

/** Says answers as the script wants it: at once, in lumps, or one octet at a time. */
function openMouth(socket: Socket, { lump = 1, drips = false }: Script): (verb: Verb, answer: Answer) => void {
  let held: string[] = []
  let dripping = ''

  /** Each octet when the one before has left, in a turn of its own. */
  function drip(): void {
    if (dripping === '' || socket.destroyed) return
    socket.write(dripping.slice(0, 1), 'latin1', () => {
      dripping = dripping.slice(1)
      setImmediate(drip)
    })
  }

  return (verb, answer) => {
    if (answer === null) return
    if (typeof answer === 'function') {
      answer(socket)
      return
    }
    held.push(answer)
    if (['MAIL', 'RCPT', 'DATA'].includes(verb) && held.length < lump) return
    const octets = held.join('')
    held = []
    if (!drips) {
      socket.write(octets, 'latin1')
      return
    }
    const idle = dripping === ''
    dripping += octets
    if (idle) drip()
  }
}
