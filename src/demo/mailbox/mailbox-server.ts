import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import type { Temporal } from '../../clock.ts'
import { listening } from '../serve-pages.ts'

/** One message in one recipient's box; a message to two recipients is two mails. */
export type Mail = {
  /** Counts from 1 in the order of arrival. */
  readonly id: number
  /** The envelope's recipient and sender, whatever the headers say; the bounce sender is ''. */
  readonly to: string
  readonly from: string
  readonly subject: string
  readonly messageId: string | null
  readonly receivedAt: Temporal.Instant
  /** As it came over the wire, dots un-stuffed. */
  readonly raw: Buffer
  /** Reads the MIME structure, once; rejects where a message cannot be read. */
  readonly parse: () => Promise<Email>
}

export type LocalMailbox = {
  readonly smtpUrl: string
  readonly smtpPort: number
  /** The newest 2,000, oldest first. */
  readonly messages: () => readonly Mail[]
  /** Calls `listener` with each mail kept from now on; returns what ends that. */
  readonly onMessage: (listener: (mail: Mail) => void) => () => void
  readonly close: () => Promise<void>
}

type MailboxOptions = {
  /** A free one by default. */
  readonly smtpPort?: number
  readonly now: () => Temporal.Instant
}

const KEPT = 2000
const MESSAGE_BYTES = 5_000_000
const CONNECTIONS = 50

/**
 * Starts an SMTP server on 127.0.0.1 that takes every mail, keeps it and sends it nowhere; no login, no TLS.
 *
 * @throws CourantError `demo.port`, when the port is taken.
 */
export async function startMailbox({ smtpPort = 0, now }: MailboxOptions): Promise<LocalMailbox> {
  const box = { mails: [] as Mail[], lastId: 0, listeners: new Set<(mail: Mail) => void>() }
  const keep = async (stream: SMTPServerDataStream, session: SMTPServerSession) => {
    const raw = await readMessage(stream)
    const { subject, messageId } = await readHeader(raw)
    const { mailFrom, rcptTo } = session.envelope
    const letter = {
      from: mailFrom === false ? '' : mailFrom.address,
      subject,
      messageId,
      receivedAt: now(),
      raw,
      parse: parseOnce(raw),
    }
    for (const { address } of rcptTo) {
      const mail = { ...letter, id: ++box.lastId, to: address }
      box.mails = [...box.mails.slice(1 - KEPT), mail]
      for (const listener of box.listeners) listener(mail)
    }
  }
  const server = openServer(keep)
  const port = await listening(server.listen(smtpPort, '127.0.0.1'), smtpPort)
  return {
    smtpUrl: `smtp://127.0.0.1:${port}`,
    smtpPort: port,
    messages: () => box.mails,
    onMessage: (listener) => {
      box.listeners.add(listener)
      return () => void box.listeners.delete(listener)
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

type Keep = (stream: SMTPServerDataStream, session: SMTPServerSession) => Promise<void>

function openServer(keep: Keep): SMTPServer {
  const server = new SMTPServer({
    banner: 'Courant mailbox',
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    maxClients: CONNECTIONS,
    size: MESSAGE_BYTES,
    closeTimeout: 100,
    onData: (stream, session, callback) => void keep(stream, session).then(() => callback(null, 'Kept'), callback),
  })
  // A client that breaks off has left nothing to keep; a port that is taken is told by `listening`.
  server.on('error', () => {})
  return server
}

/** Collects a message, no more than the limit; one that is too large is drained and refused. */
async function readMessage(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) if (!stream.sizeExceeded) chunks.push(chunk)
  if (stream.sizeExceeded) throw Object.assign(new Error('5.3.4 Message too large'), { responseCode: 552 })
  return Buffer.concat(chunks)
}

/** Only the header is read on arrival; what cannot be read has no subject, and is kept all the same. */
async function readHeader(raw: Buffer): Promise<{ subject: string; messageId: string | null }> {
  const end = raw.indexOf('\r\n\r\n')
  const { subject = '', messageId = null } = await PostalMime.parse(end === -1 ? raw : raw.subarray(0, end + 4)).catch(
    (): Partial<Email> => ({}),
  )
  return { subject, messageId }
}

function parseOnce(raw: Buffer): () => Promise<Email> {
  let parsed: Promise<Email> | null = null
  return () => (parsed ??= PostalMime.parse(raw))
}
