import type { Relay } from '../relays/relay.ts'
import { isLoopback } from '../relays/relay.ts'
import { type Capabilities, NO_CAPABILITIES, readCapabilities } from './capabilities.ts'
import { type BrokenConnection, broken } from './reply.ts'
import type { ServerReply } from './reply-parser.ts'

/** Where the dialogue before the first message stands. */
type HandshakeState = {
  readonly awaits: 'greeting' | 'ehlo' | 'helo' | 'starttls' | 'auth'
  readonly encrypted: boolean
  readonly capabilities: Capabilities
  /** Lines of the login that are still to be said. */
  readonly secrets: readonly string[]
}

/** What comes next; after `encrypt` it is `greetAfterTls`. */
type HandshakeStep =
  | HandshakeLine
  | { readonly kind: 'encrypt' }
  | { readonly kind: 'ready'; readonly offer: Capabilities }
  | { readonly kind: 'broken'; readonly reply: BrokenConnection }

type HandshakeLine = { readonly kind: 'say'; readonly text: string; readonly hello: HandshakeState }

/** How a relay is to be greeted; `name` is this machine's in EHLO. */
export type HandshakeOptions = Pick<Relay, 'host' | 'tls' | 'credentials'> & { readonly name: string }

/** Before the relay's greeting; `encrypted` where TLS is there from the first octet. */
export function startHandshake(encrypted: boolean): HandshakeState {
  return { awaits: 'greeting', encrypted, capabilities: NO_CAPABILITIES, secrets: [] }
}

/** Starts over once TLS stands, with nothing of what was offered before it. RFC 3207 §4.2. */
export function greetAfterTls(manner: HandshakeOptions): HandshakeLine {
  return say(`EHLO ${manner.name}`, { ...startHandshake(true), awaits: 'ehlo' })
}

/** Goes one step on with the relay's reply: EHLO or else HELO, STARTTLS as the manner wants it, login. Pure. */
export function continueHandshake(hello: HandshakeState, said: ServerReply, manner: HandshakeOptions): HandshakeStep {
  if (said.code === 421) return fail(hello.awaits === 'auth' ? 'auth' : 'greeting', said.text)
  const good = said.code >= 200 && said.code < 300
  switch (hello.awaits) {
    case 'greeting':
      // RFC 5321 §3.1: 554 turns away; nothing but 220 welcomes.
      if (said.code !== 220) return fail('greeting', said.text)
      return say(`EHLO ${manner.name}`, { ...hello, awaits: 'ehlo' })
    case 'ehlo':
      if (good) return afterEhlo({ ...hello, capabilities: readCapabilities(said.text) }, manner)
      if (needsTls(hello, manner)) return fail('greeting', `${NO_TLS} ${said.text}`)
      return say(`HELO ${manner.name}`, { ...hello, awaits: 'helo' })
    case 'helo':
      return good ? logIn({ ...hello, capabilities: NO_CAPABILITIES }, manner) : fail('greeting', said.text)
    case 'starttls':
      if (said.code === 220) return { kind: 'encrypt' }
      if (needsTls(hello, manner)) return fail('greeting', `${TLS_REFUSED} ${said.text}`)
      // No password goes over a connection that was to be encrypted and is not, and without it no mail.
      if (manner.credentials !== null) return fail('greeting', `${TLS_WITHDRAWN} ${said.text}`)
      return { kind: 'ready', offer: hello.capabilities }
    case 'auth':
      return afterAuth(hello, said)
  }
}

const NO_TLS = 'The relay offers no TLS (STARTTLS), which tls=require wants, so nothing was sent to it.'
const TLS_REFUSED = 'The relay refused TLS, which tls=require wants, so nothing was sent to it:'
const TLS_WITHDRAWN = 'The relay offered TLS and refused it, so neither password nor mail was sent to it:'
const NO_LOGIN = 'The relay offers no login (AUTH), though SMTP_URL has a password, so nothing was sent.'

function afterEhlo(hello: HandshakeState, manner: HandshakeOptions): HandshakeStep {
  if (!hello.encrypted && manner.tls !== 'off' && hello.capabilities.startTls) {
    return say('STARTTLS', { ...hello, awaits: 'starttls' })
  }
  if (needsTls(hello, manner)) return fail('greeting', NO_TLS)
  return logIn(hello, manner)
}

function needsTls(hello: HandshakeState, manner: HandshakeOptions): boolean {
  return manner.tls === 'require' && !hello.encrypted
}

function logIn(hello: HandshakeState, { host, tls, credentials }: HandshakeOptions): HandshakeStep {
  const { auth } = hello.capabilities
  if (credentials === null) return { kind: 'ready', offer: hello.capabilities }
  if (auth.length === 0) return fail('auth', NO_LOGIN)
  if (!hello.encrypted && tls !== 'off' && !isLoopback(host)) {
    return fail('auth', 'The relay offers no TLS, so the password was not sent; tls=off sends it all the same.')
  }
  const { user, password } = credentials
  // RFC 4616: an empty identity to act as, the user, the password.
  if (auth.includes('PLAIN')) return sendSecret(hello, [`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`])
  if (auth.includes('LOGIN')) return sendSecret(hello, ['AUTH LOGIN', base64(user), base64(password)])
  return fail('auth', 'The relay takes no login by PLAIN or LOGIN, so nothing was sent.')
}

/** RFC 4954 §4: 235 lets in, 334 asks for more, all else turns away. */
function afterAuth(hello: HandshakeState, said: ServerReply): HandshakeStep {
  if (said.code === 235) return { kind: 'ready', offer: hello.capabilities }
  if (said.code === 334 && hello.secrets.length > 0) return sendSecret(hello, hello.secrets)
  return fail('auth', `The relay refused the login: ${said.text}`)
}

function sendSecret(hello: HandshakeState, [next = '', ...later]: readonly string[]): HandshakeStep {
  return say(next, { ...hello, awaits: 'auth', secrets: later })
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

function say(line: string, hello: HandshakeState): HandshakeLine {
  return { kind: 'say', text: `${line}\r\n`, hello }
}

function fail(stage: 'greeting' | 'auth', text: string): HandshakeStep {
  return { kind: 'broken', reply: broken(stage, text) }
}
