import { afterEach, expect } from 'vitest'
import { parseRelay, type Relay } from '../../../src/mail/relays/relay.ts'
import { openSmtp } from '../../../src/mail/smtp/open-connection.ts'
import type { BrokenConnection } from '../../../src/mail/smtp/reply.ts'
import type { SmtpConnection } from '../../../src/mail/smtp/session.ts'
import { RFC_TIMEOUTS, type SmtpTimeouts } from '../../../src/mail/smtp/timeouts.ts'
import { type HostileRelay, type Script, startHostileRelay } from '../../support/hostile-relay.ts'
import { type Sink, type SinkOptions, startSink } from '../../support/smtp.ts'

export const TO = { from: 'news@example.org', to: 'anna@example.net' }
export const TEXT = 'Subject: x\r\n\r\nfirst\r\nlast\r\n'
export const OCTETS = Buffer.from(TEXT)
export const MEASURE = { octets: OCTETS.length, eightBit: false }

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A scripted relay that closes with the test. */
export async function hostile(script: Script = {}): Promise<HostileRelay> {
  const relay = await startHostileRelay(script)
  closing.push(relay.close)
  return relay
}

/** A real server that closes with the test. */
export async function sink(options: SinkOptions = {}): Promise<Sink> {
  const started = await startSink(options)
  closing.push(started.close)
  return started
}

/** Opens a connection that closes with the test, or says why there is none. Only what is given of patience runs out soon. */
export async function open(
  url: string,
  patience: Partial<SmtpTimeouts> = {},
): Promise<SmtpConnection | BrokenConnection> {
  const relay: Relay = parseRelay(url)
  const opened = await openSmtp(relay, { ...RFC_TIMEOUTS, goodbyeMs: 100, ...patience })
  if (!('kind' in opened)) closing.push(opened.close)
  return opened
}

/** Opens a connection that must be there. */
export async function connect(url: string, patience: Partial<SmtpTimeouts> = {}): Promise<SmtpConnection> {
  const opened = await open(url, patience)
  if ('kind' in opened) throw new Error(opened.text)
  return opened
}

export const urlOf = ({ port }: { readonly port: number }): string => `smtp://127.0.0.1:${port}`

/** Trouble of the relay's at `stage`, without doubt about a message. */
export function trouble(stage: BrokenConnection['stage'], text: string, ambiguous = false): BrokenConnection {
  return { kind: 'broken', stage, ambiguous, text: expect.stringContaining(text) }
}
