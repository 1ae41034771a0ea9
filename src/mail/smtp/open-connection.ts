import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { addressLiteral } from '../relays/ehlo-name.ts'
import type { Relay } from '../relays/relay.ts'
import type { Capabilities } from './capabilities.ts'
import { redactLogin } from './concealment.ts'
import { continueHandshake, greetAfterTls, type HandshakeOptions, startHandshake } from './handshake.ts'
import { type BrokenConnection, broken } from './reply.ts'
import { openSession, type SmtpConnection } from './session.ts'
import { openSocket, type RelaySocket } from './socket.ts'
import { type SmtpTimeouts, timeoutsOf } from './timeouts.ts'

/** Connects to a relay, encrypts and logs in as its URL says; the trouble is a value, as for every message after. */
export async function openSmtp(
  relay: Relay,
  patience: SmtpTimeouts = timeoutsOf(relay.timeouts),
): Promise<SmtpConnection | BrokenConnection> {
  const wire = await openSocket(relay.host, relay.port, patience.connectMs)
  if (typeof wire === 'string') return broken('connect', wire)
  if (relay.secure) {
    const trouble = await wire.encrypt(tlsOptions(relay), patience.encryptMs)
    if (trouble !== null) return broken('connect', describeTls(relay, trouble))
  }
  const offer = await greet(wire, relay, patience)
  if ('kind' in offer) {
    void wire.end(offer.text)
    return offer
  }
  return openSession(wire, offer, patience)
}

/** Leads the dialogue before the first message. */
async function greet(
  wire: RelaySocket,
  relay: Relay,
  patience: SmtpTimeouts,
): Promise<Capabilities | BrokenConnection> {
  const name = relay.ehloName ?? addressLiteral(wire.localAddress)
  const manner: HandshakeOptions = { host: relay.host, tls: relay.tls, credentials: relay.credentials, name }
  let hello = startHandshake(relay.secure)
  for (;;) {
    const timeoutMs = hello.awaits === 'greeting' ? patience.greetingMs : patience.helloMs
    // RFC 3207 §4.2: what comes in the clear behind the reply to STARTTLS may be anybody's.
    const said = await wire.receive(timeoutMs, hello.awaits === 'starttls')
    if (said.kind === 'ended') return broken(hello.awaits === 'auth' ? 'auth' : 'greeting', said.why)
    const step = continueHandshake(hello, said, manner)
    if (step.kind === 'ready') return step.offer
    if (step.kind === 'broken') return step.reply
    const trouble = step.kind === 'encrypt' ? await wire.encrypt(tlsOptions(relay), patience.encryptMs) : null
    if (trouble !== null) return broken('greeting', describeTls(relay, trouble))
    const next = step.kind === 'encrypt' ? greetAfterTls(manner) : step
    hello = next.hello
    // What comes before a login cannot repeat it, and the offers are read from it.
    if (hello.awaits === 'auth' && relay.credentials !== null) wire.redact(redactLogin(relay.credentials))
    wire.send([next.text])
  }
}

function describeTls({ tls }: Relay, trouble: string): string {
  const how = tls === 'require' ? ' with a certificate that verifies, which tls=require wants' : ''
  return `There is no TLS with the relay${how}: ${trouble}`
}

function tlsOptions({ host, tls }: Relay): ConnectionOptions {
  // RFC 6066 §3: no address stands in a server name. The certificate is checked against `host` all the same.
  return { host, ...(isIP(host) === 0 ? { servername: host } : {}), rejectUnauthorized: tls === 'require' }
}
