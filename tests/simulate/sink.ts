import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { WorldClock } from './clock.ts'

/** Where a relay may be in the dialogue: `half` of a content has come, all of it (`dot`), or its reply is given. */
export type Stage = 'mail' | 'rcpt' | 'data' | 'half' | 'dot' | 'replied'

/** What it does there: says something else than yes, or breaks the connection; null goes on. */
export type Says = string | 'drop' | null

/** A message somebody's relay took, with when its sending began by the true clock. */
export type Mail = {
  readonly number: number
  readonly to: string
  readonly text: string
  readonly begunMs: number
  readonly sender: string
}

/** Asked at each stage of each message, in turn; what it answers may take its time. */
export type Rule = (stage: Stage, to: string) => Promise<Says>

export type Relay = { readonly port: number; readonly obey: (rule: Rule) => void; readonly hangUp: () => void }
export type Sink = {
  /** The relay of one process; the same for whoever has its name. */
  readonly relayOf: (name: string) => Promise<Relay>
  readonly mails: Mail[]
  readonly close: () => Promise<void>
}

const OK = '250 2.0.0 yes'

/** Opens SMTP servers on loopback that keep what they take in one list. */
export function openSink(clock: WorldClock): Sink {
  const mails: Mail[] = []
  const relays = new Map<string, Promise<Relay>>()
  const servers: Server[] = []

  async function open(sender: string): Promise<Relay> {
    let rule: Rule = async () => null
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      converse(socket, {
        ask: (stage, to) => rule(stage, to),
        begun: () => clock.trueMs(),
        keep: (to, text, begunMs) => mails.push({ number: mails.length + 1, to, text, begunMs, sender }),
      })
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      obey: (given) => {
        rule = given
      },
      hangUp: () => {
        for (const socket of sockets) socket.destroy()
      },
    }
  }

  return {
    mails,
    relayOf: (name) => {
      const relay = relays.get(name) ?? open(name)
      relays.set(name, relay)
      return relay
    },
    close: async () => {
      for (const relay of relays.values()) (await relay).hangUp()
      for (const server of servers) server.close()
    },
  }
}

type Desk = {
  readonly ask: Rule
  readonly begun: () => number
  readonly keep: (to: string, text: string, begunMs: number) => void
}

/** One connection: RFC 5321 as far as a sender of one message after another needs it. */
function converse(socket: Socket, desk: Desk): void {
  let [buffer, inContent, isHalf, busy] = ['', false, false, false]
  let letter = { to: '', begunMs: 0 }
  const say = (line: string) => socket.write(`${line}\r\n`)

  /** Asks the rule; what it says instead of yes is said, or done. False when the message ends here. */
  async function agrees(stage: Stage): Promise<boolean> {
    const says = await desk.ask(stage, letter.to)
    if (says === 'drop') socket.destroy()
    else if (says !== null) {
      say(says)
      if (says.startsWith('421')) socket.end()
    }
    return says === null && !socket.destroyed
  }

  async function hear(line: string): Promise<void> {
    const address = /<([^>]*)>/.exec(line)?.[1] ?? ''
    if (/^EHLO/i.test(line)) say('250-relay\r\n250 ENHANCEDSTATUSCODES')
    else if (/^QUIT/i.test(line)) socket.end('221 2.0.0 bye\r\n')
    else if (/^MAIL/i.test(line)) {
      letter = { to: '', begunMs: desk.begun() }
      if (await agrees('mail')) say(OK)
    } else if (/^RCPT/i.test(line)) {
      letter = { ...letter, to: address }
      if (await agrees('rcpt')) say(OK)
    } else if (/^DATA/i.test(line)) {
      if (await agrees('data')) {
        inContent = true
        isHalf = false
        say('354 go on')
      }
    } else say(OK)
  }

  async function take(content: string): Promise<void> {
    const says = await desk.ask('dot', letter.to)
    if (says === null || says === 'drop') desk.keep(letter.to, content, letter.begunMs)
    if (socket.destroyed) return
    if (says === 'drop') return void socket.destroy()
    say(says ?? OK)
    const after = await desk.ask('replied', letter.to)
    if (after === 'drop') socket.destroySoon()
  }

  async function read(): Promise<void> {
    if (busy) return
    busy = true
    while (!socket.destroyed) {
      // Part of the content is there, and its end may still be to come.
      if (inContent && !isHalf && buffer !== '') {
        isHalf = true
        if (!(await agrees('half'))) break
      }
      const end = nextEnd()
      if (end < 0) break
      const part = buffer.slice(0, end)
      buffer = buffer.slice(end + (inContent ? 5 : 2))
      if (!inContent) await hear(part)
      else {
        inContent = false
        await take(part)
      }
    }
    busy = false
  }
  const nextEnd = () => buffer.indexOf(inContent ? '\r\n.\r\n' : '\r\n')

  socket.on('error', () => {})
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    buffer += text
    void read()
  })
  say('220 relay ESMTP')
}
