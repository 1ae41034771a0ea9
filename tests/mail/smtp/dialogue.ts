import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { parseRelay, type Relay } from '../../../src/mail/relays/relay.ts'
import { openSmtp } from '../../../src/mail/smtp/open-connection.ts'
import type { SmtpConnection } from '../../../src/mail/smtp/session.ts'
import { type Sink, type SinkOptions, startSink } from '../../support/smtp.ts'

export const OCTETS = Buffer.from('Subject: x\r\n\r\nfirst\r\n..two dots\r\n.\r\nlast\r\n')
export const TO = { from: 'news@example.org', to: 'anna@example.net' }

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A sink that closes with the test. */
export async function sink(options: SinkOptions = {}): Promise<Sink> {
  const started = await startSink(options)
  closing.push(started.close)
  return started
}

/** A connection that closes with the test; throws when there is none. */
export async function connect(relay: Relay): Promise<SmtpConnection> {
  const connection = await openSmtp(relay)
  if ('kind' in connection) throw new Error(connection.text)
  closing.push(connection.close)
  return connection
}

/** The relay of a URL, in more of a hurry. */
export function relayAt(url: string, timeouts: Partial<Relay['timeouts']> = {}): Relay {
  const relay = parseRelay(url)
  return { ...relay, timeouts: { ...relay.timeouts, ...timeouts } }
}

/** A server of our own, for what no real one would do: it greets, or hangs up, then `answer` gets each line. */
export async function misbehaving(
  answer: (line: string, socket: Socket) => void,
  greeting: string | null = '220 odd.test\r\n',
): Promise<string> {
  const server = createServer((socket) => {
    let rest = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) answer(line, socket)
    })
    if (greeting === null) socket.end()
    else socket.write(greeting)
    closing.push(async () => void socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(() => resolve())))
  return `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const REPLIES: Readonly<Record<string, string>> = {
  EHLO: '250 odd.test',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 go',
  QUIT: '221 bye',
  '.': '250 2.0.0 taken',
}

/** What a server in its senses replies to a line; null for a line of content. */
export function usualReply(line: string): string | null {
  return REPLIES[line.slice(0, 4)] ?? null
}
