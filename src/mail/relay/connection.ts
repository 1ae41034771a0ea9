import type { NodemailerError } from 'nodemailer/lib/errors'
import SMTPConnection, { type SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection'
import { envelopeAddress } from '../address/address.ts'
import { isLoopback, type Relay } from './relay.ts'
import { cleanText, parseEnhanced } from './reply.ts'

/** Who sends, and to whom; `from` is empty for the null sender of RFC 5321 §4.5.5. */
export type Envelope = { readonly from: string; readonly to: string }

/**
 * What came of a message.
 *
 * `refused` (5xx) and `deferred` (4xx) are what the relay said about this message; `broken` is its own trouble: not
 * reached, connection lost, out of time, not logged in, or 421 (RFC 5321 §3.8) at any point. `ambiguous` says that content
 * was on its way and no reply came, so that the message may have been taken. Texts have one line of at most 500
 * characters, and may repeat the address.
 */
export type Reply =
  | { readonly kind: 'accepted'; readonly text: string }
  | {
      readonly kind: 'refused' | 'deferred'
      readonly code: number
      readonly enhanced: string | null
      readonly text: string
      readonly stage: SendStage
    }
  | {
      readonly kind: 'broken'
      readonly stage: 'connect' | 'greeting' | 'auth' | SendStage
      readonly ambiguous: boolean
      readonly text: string
    }

type SendStage = 'mail' | 'rcpt' | 'data' | 'content'
type Broken = Extract<Reply, { kind: 'broken' }>

/** A connection that takes one message after another, each alone. */
export type Connection = {
  /** Never throws, and ends within the relay's timeouts. The octets must be those of a message with CRLF line ends. */
  readonly send: (envelope: Envelope, message: Buffer) => Promise<Reply>
  /** Whether another message can be sent; false for ever once it is false. */
  readonly usable: boolean
  readonly close: () => Promise<void>
}

const GOODBYE_MS = 2_000
/** The stage a reply belongs to, by how many came before it; pipelined or not, one reply comes for each. */
const STAGES: readonly SendStage[] = ['mail', 'rcpt', 'data', 'content']

/** Connects to a relay, encrypts and logs in as its URL says; the trouble is a value, as for every message after. */
export async function openConnection(relay: Relay): Promise<Connection | Broken> {
  const replies = { count: 0 }
  const client = newClient(relay, replies)
  const { connectMs, greetingMs, socketMs } = relay.timeouts
  const connected = await step(client, connectMs + greetingMs + socketMs, (done) => client.connect(done))
  if (connected.error !== null) return broken(client.stage === 'init' ? 'connect' : 'greeting', connected.error)
  const smtpUtf8 = /[ -]SMTPUTF8\b/i.test(String(client.lastServerResponse))
  const refusal = await logIn(client, relay)
  if (refusal === null) return talk(client, relay, replies, smtpUtf8)
  client.close()
  return refusal
}

function newClient(relay: Relay, replies: { count: number }): SMTPConnection {
  const { connectMs, greetingMs, socketMs } = relay.timeouts
  const client = new SMTPConnection({
    host: relay.host,
    port: relay.port,
    secure: relay.secure,
    ignoreTLS: relay.tls === 'off',
    requireTLS: relay.tls === 'require' && !relay.secure,
    opportunisticTLS: relay.tls === 'try',
    tls: { rejectUnauthorized: relay.tls === 'require' },
    // nodemailer's connection timeout covers the greeting, too.
    connectionTimeout: connectMs + greetingMs,
    greetingTimeout: greetingMs,
    socketTimeout: socketMs,
    // The only way nodemailer tells of each reply; what it says is not kept.
    transactionLog: true,
    logger: { debug: (entry: { tnx?: string }) => (replies.count += entry.tnx === 'server' ? 1 : 0) },
  })
  // Between messages nobody waits for an error; `usable` is false after it.
  client.on('error', () => {})
  return client
}

async function logIn(client: SMTPConnection, relay: Relay): Promise<Broken | null> {
  if (relay.credentials === null || !client.allowsAuth) return null
  if (!client.secure && relay.tls !== 'off' && !isLoopback(relay.host)) {
    const text = 'The relay offers no TLS, so the password was not sent; tls=off sends it all the same.'
    return { kind: 'broken', stage: 'auth', ambiguous: false, text }
  }
  const { user, password } = relay.credentials
  const login = await step(client, relay.timeouts.messageMs, (done) => client.login({ user, pass: password }, done))
  return login.error === null ? null : broken('auth', login.error)
}

function talk(client: SMTPConnection, relay: Relay, replies: { count: number }, smtpUtf8: boolean): Connection {
  let sending = false
  let needsReset = false

  async function transact(envelope: Envelope, message: Buffer): Promise<Reply> {
    const from = envelopeAddress(envelope.from)
    const to = envelopeAddress(envelope.to)
    if ((from.needsSmtpUtf8 || to.needsSmtpUtf8) && !smtpUtf8) return UTF8_REFUSED
    if (needsReset) {
      const reset = await step(client, relay.timeouts.messageMs, (done) => client.reset(done))
      if (reset.error !== null) {
        client.close()
        return broken('mail', reset.error)
      }
      needsReset = false
    }
    replies.count = 0
    const { error, value } = await step<SMTPConnectionSendInfo>(client, relay.timeouts.messageMs, (done) =>
      client.send({ from: from.address, to: [to.address] }, message, done),
    )
    if (error === null) return { kind: 'accepted', text: cleanText(value?.response ?? '') }
    const reply = readFailure(error, replies.count)
    if (reply.kind === 'broken') client.close()
    else needsReset = true
    return reply
  }

  return {
    send: async (envelope, message) => {
      if (sending) return broken('mail', new Error('Another message is on this connection.'))
      sending = true
      const reply = await transact(envelope, message)
      sending = false
      return reply
    },
    get usable() {
      return !client.destroyed
    },
    close: async () => {
      if (!sending && !client.destroyed) await step(client, GOODBYE_MS, () => client.quit())
      client.close()
    },
  }
}

/** RFC 6531 §3.5 and RFC 6533: the relay cannot carry an address whose local part is not ASCII. */
const UTF8_REFUSED: Reply = {
  kind: 'refused',
  code: 553,
  enhanced: '5.6.7',
  text: '553 5.6.7 The relay does not take addresses with letters beyond ASCII before the @ (SMTPUTF8).',
  stage: 'rcpt',
}

/** Says what nodemailer's error means for the message, `replyCount` replies to it having come. */
function readFailure(error: NodemailerError, replyCount: number): Reply {
  const code = error.responseCode ?? 0
  const text = cleanText(error.response ?? error.message)
  const aboutMessage = error.code === 'EENVELOPE' || error.code === 'EMESSAGE'
  // RFC 4954 §6: the relay wants a login first, which is not this message's fault.
  if (code === 530) return broken('auth', error)
  if (aboutMessage && code >= 400 && code <= 599 && code !== 421) {
    const kind = code < 500 ? 'deferred' : 'refused'
    return { kind, code, enhanced: parseEnhanced(text), text, stage: stageOf(error) }
  }
  if (aboutMessage && error.command === 'API') {
    return {
      kind: 'refused',
      code: 553,
      enhanced: '5.1.3',
      text: '553 5.1.3 The address cannot be sent to.',
      stage: 'rcpt',
    }
  }
  const answered = code === 421 ? replyCount - 1 : replyCount
  const stage = STAGES[Math.max(0, Math.min(answered, 3))] ?? 'content'
  return { kind: 'broken', stage, ambiguous: stage === 'content' && code !== 421, text }
}

function stageOf(error: NodemailerError): SendStage {
  if (error.code === 'EMESSAGE') return 'content'
  if (error.command === 'MAIL FROM') return 'mail'
  return error.command === 'DATA' ? 'data' : 'rcpt'
}

function broken(stage: Broken['stage'], error: NodemailerError): Broken {
  return { kind: 'broken', stage, ambiguous: false, text: cleanText(error.response ?? error.message) }
}

type Step<T> = { readonly error: NodemailerError | null; readonly value: T | null }

/** One step of the dialogue: ends with its own result, with the end of the connection, or when its time is up. */
function step<T>(
  client: SMTPConnection,
  timeoutMs: number,
  start: (done: (error?: NodemailerError | null, value?: T) => void) => void,
): Promise<Step<T>> {
  return new Promise((resolve) => {
    const end = (error: NodemailerError | null, value: T | null) => {
      clearTimeout(timer)
      client.off('error', onError)
      client.off('end', onEnd)
      resolve({ error, value })
    }
    const onError = (error: NodemailerError) => end(error, null)
    // After a 421 nodemailer closes first and then gives the step its error, which says more.
    const onEnd = () => queueMicrotask(() => end(new Error('The connection was closed.'), null))
    const timer = setTimeout(() => {
      end(new Error('The relay took too long.'), null)
      client.close()
    }, timeoutMs)
    client.on('error', onError)
    client.on('end', onEnd)
    start((error, value) => end(error ?? null, value ?? null))
  })
}
