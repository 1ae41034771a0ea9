import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A message whose dot came. */
export type Taken = {
  /** Counted over all connections and all relays of this process: which of two came first. */
  readonly order: number
  readonly to: string
  readonly messageId: string
  /** Numbers of the articles it shows, where the relay was told how to read them. */
  readonly articles: readonly number[]
  /** Whether the reply to its dot was written. */
  replied: boolean
}

/** One client's conversation. */
export type Conversation = {
  readonly saidGoodbye: () => boolean
  readonly isUnanswered: () => boolean
}

/** Where a dialogue may be: `half` of a content has come, all of it (`dot`), or its reply is given. */
export type Stage = 'greeting' | 'EHLO' | 'MAIL' | 'RCPT' | 'DATA' | 'half' | 'dot' | 'replied'

/** How a relay answers. */
export type Manners = {
  /** Whether the connection is reset here. */
  readonly resets: (stage: Stage, to: string) => boolean
  readonly refuse: (to: string) => string | null
  readonly pauseMs: () => number
  readonly readArticles: (content: Buffer) => readonly number[]
  readonly onTaken: (taken: Taken) => void
}

const END = Buffer.from('\r\n.\r\n')
const OFFERS =
  '250-crash.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n'

const VERBS = ['EHLO', 'MAIL', 'RCPT', 'DATA'] as const

let order = 0

/** Speaks as a relay on this socket. RFC 5321, RFC 2920. */
export function converse(socket: Socket, manners: Manners): Conversation {
  let pending: Buffer = Buffer.alloc(0)
  let inContent = false
  let to = ''
  let goodbye = false
  let unanswered = 0
  /** Replies leave in order, so behind one that is held back the others wait. */
  let queue = Promise.resolve()

  const say = (text: string): void => {
    if (unanswered === 0) socket.write(text)
    else queue = queue.then(() => void socket.write(text))
  }

  const breaks = (stage: Stage): boolean => {
    if (!socket.destroyed && manners.resets(stage, to)) socket.resetAndDestroy()
    return socket.destroyed
  }

  const answer = (taken: Taken): void => {
    const reply = () => {
      unanswered -= 1
      taken.replied = !breaks('dot')
      if (taken.replied) socket.write('250 2.0.0 taken\r\n', () => breaks('replied'))
    }
    const waitMs = manners.pauseMs()
    if (waitMs === 0 && unanswered === 1) reply()
    else queue = queue.then(() => sleep(waitMs)).then(reply)
  }

  const takeContent = (): boolean => {
    const at = pending.indexOf(END)
    if (at < 0) return false
    const content = pending.subarray(0, at)
    const articles = manners.readArticles(content)
    const taken: Taken = { order: ++order, to, messageId: readMessageId(content), articles, replied: false }
    pending = pending.subarray(at + END.length)
    inContent = false
    to = ''
    unanswered += 1
    manners.onTaken(taken)
    answer(taken)
    return true
  }

  const takeLine = (): boolean => {
    const at = pending.indexOf('\r\n')
    if (at < 0) return false
    const line = pending.subarray(0, at).toString('latin1')
    pending = pending.subarray(at + 2)
    obey(line)
    return true
  }

  const obey = (line: string): void => {
    const verb = line.slice(0, 4).toUpperCase()
    const stage = VERBS.find((one) => one === verb)
    if (stage !== undefined && breaks(stage)) return
    if (verb === 'EHLO') say(OFFERS)
    else if (verb === 'RCPT') receive(/<(.*?)>/.exec(line)?.[1] ?? '')
    else if (verb === 'DATA') startContent()
    else if (verb === 'QUIT') {
      goodbye = true
      say('221 2.0.0 bye\r\n')
      queue = queue.then(() => void socket.end())
    } else {
      to = ''
      say('250 2.1.0 ok\r\n')
    }
  }

  const receive = (address: string): void => {
    const refusal = manners.refuse(address)
    to = refusal === null ? address : ''
    say(refusal === null ? '250 2.1.5 ok\r\n' : `${refusal}\r\n`)
  }

  const startContent = (): void => {
    inContent = to !== ''
    // So that an empty content's dot is found too.
    if (inContent) pending = Buffer.concat([Buffer.from('\r\n'), pending])
    say(inContent ? '354 go on\r\n' : '503 5.5.1 nobody to send to\r\n')
  }

  if (!breaks('greeting')) socket.write('220 crash.test\r\n')
  socket.on('data', (octets: Buffer) => {
    pending = pending.length === 0 ? octets : Buffer.concat([pending, octets])
    while (!socket.destroyed && (inContent ? takeContent() : takeLine()));
    if (inContent) breaks('half')
  })
  return { saidGoodbye: () => goodbye, isUnanswered: () => unanswered > 0 }
}

function readMessageId(content: Buffer): string {
  const head = content.subarray(0, 8192).toString('latin1')
  return /^Message-ID: <(.*)>/im.exec(head)?.[1] ?? ''
}
