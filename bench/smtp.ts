import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { measureMessage } from '../src/mail/mime/dot-stuffing.ts'
import { parseRelay } from '../src/mail/relays/relay.ts'
import { openSmtp } from '../src/mail/smtp/open-connection.ts'
import type { SmtpConnection } from '../src/mail/smtp/session.ts'

/**
 * CPU time of this process a message of 76 KB, over 10 connections to a sink: nodemailer's SMTPConnection and Courant's own
 * client, taking turns in one run, so that the figures are to be read as a ratio. Run `node bench/smtp.ts`, which starts
 * Postfix's smtp-sink, or `node bench/smtp.ts <port>` with a sink of your own on 127.0.0.1.
 */
const MESSAGES = 4000
const CONNECTIONS = 10
const ROUNDS = 5
const ENVELOPE = { from: 'news@example.org', to: 'reader@example.net' }
const SINK_PORT = 2526

const line = `${'=C3=BC and some words of text, '.repeat(4).slice(0, 74)}=\r\n`
const MESSAGE = Buffer.from(`Subject: Bench\r\n\r\n${line.repeat(1000)}`)

type Way = { readonly name: string; readonly open: () => Promise<BenchConnection> }
type BenchConnection = { readonly sendMany: (count: number) => Promise<void>; readonly close: () => Promise<void> }

const given = Number(process.argv[2] ?? 0)
const port = given === 0 ? SINK_PORT : given
// smtp-sink does not run as root.
const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
const sink = given === 0 ? spawn('smtp-sink', [...asNobody, `127.0.0.1:${port}`, '1000'], { stdio: 'inherit' }) : null
const sinkGone = sink === null ? null : new Promise((_, refuse) => sink.once('error', refuse))
await Promise.race([answers(), ...(sinkGone === null ? [] : [sinkGone])])

const ways: readonly Way[] = [
  { name: 'nodemailer, SMTPConnection, one buffer', open: openNodemailer },
  { name: 'own client, whole messages', open: () => openOwn(sendWhole) },
  { name: 'own client, next envelope and content before the end of the last', open: () => openOwn(sendAhead) },
]
const spent = new Map<string, number[]>()
for (let round = 0; round < ROUNDS; round += 1) {
  for (const { name, open } of ways) {
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, open))
    const before = process.cpuUsage()
    await Promise.all(connections.map((connection) => connection.sendMany(MESSAGES / CONNECTIONS)))
    const { user, system } = process.cpuUsage(before)
    spent.set(name, [...(spent.get(name) ?? []), (user + system) / 1000 / MESSAGES])
    await Promise.all(connections.map((connection) => connection.close()))
  }
}
console.log(`CPU a message of ${MESSAGE.length} octets, median of ${ROUNDS} rounds of ${MESSAGES}:`)
for (const [name, rounds] of spent) {
  const sorted = rounds.toSorted((a, b) => a - b)
  const shown = sorted.map((ms) => ms.toFixed(3)).join(' ')
  console.log(`${sorted[Math.floor(ROUNDS / 2)]?.toFixed(3)} ms  ${name} (${shown})`)
}
sink?.kill()

async function openOwn(
  sendMany: (connection: SmtpConnection, count: number) => Promise<void>,
): Promise<BenchConnection> {
  const connection = await openSmtp(parseRelay(`smtp://127.0.0.1:${port}?tls=off`))
  if ('kind' in connection) throw new Error(connection.text)
  return { sendMany: (count) => sendMany(connection, count), close: connection.close }
}

async function sendWhole(connection: SmtpConnection, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) expectTaken(await connection.send(ENVELOPE, MESSAGE))
}

async function sendAhead(connection: SmtpConnection, count: number): Promise<void> {
  let last: ReturnType<SmtpConnection['finish']> | null = null
  for (let sent = 0; sent < count; sent += 1) {
    const trouble = await connection.begin(ENVELOPE, measureMessage([MESSAGE]))
    if (trouble !== null) throw new Error(trouble.text)
    connection.write([MESSAGE])
    if (last !== null) expectTaken(await last)
    last = connection.finish()
  }
  if (last !== null) expectTaken(await last)
}

function expectTaken(reply: { kind: string; text: string }): void {
  if (reply.kind !== 'accepted') throw new Error(reply.text)
}

async function openNodemailer(): Promise<BenchConnection> {
  const client = new SMTPConnection({ host: '127.0.0.1', port, ignoreTLS: true })
  await new Promise<void>((resolve, reject) => client.connect((error) => (error ? reject(error) : resolve())))
  const sendOne = () =>
    new Promise<void>((resolve, reject) =>
      client.send({ from: ENVELOPE.from, to: [ENVELOPE.to] }, MESSAGE, (error) => (error ? reject(error) : resolve())),
    )
  return {
    sendMany: async (count) => {
      for (let sent = 0; sent < count; sent += 1) await sendOne()
    },
    close: async () => client.close(),
  }
}

/** Waits until somebody listens at the port. */
async function answers(): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const heard = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (heard) return
    await pause(50)
  }
  throw new Error(`Nobody listens on port ${port}.`)
}
