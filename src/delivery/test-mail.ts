import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { type Preview, readNewest, readPreview } from '../digest/preview.ts'
import { checkTemplates } from '../digest/render/check-templates.ts'
import { readPublication, type VariantSource } from '../digest/variant.ts'
import { CourantError } from '../errors.ts'
import { phrase } from '../locale/locale.ts'
import { addressKey, checkAddress, shortenAddresses } from '../mail/addresses/address.ts'
import { toBase32 } from '../mail/mime/base32.ts'
import { messageIdOf, messageName } from '../mail/mime/message-id.ts'
import type { Relay } from '../mail/relays/relay.ts'
import { connectFirst } from '../mail/smtp/connect-first.ts'
import { hashAddress, readHashKey } from '../subscribers/consent.ts'
import { isSuppressed } from '../subscribers/suppression.ts'
import { compileSource, type Message, writeMessage } from './message.ts'
import type { Sender } from './worker.ts'

/** Who gets the test, and whose digest it is: a subscriber's, or (without) the home cohort's. */
export type TestOptions = { readonly to: string; readonly subscriber?: string }

/** The result of `digest test`. Nothing is sent where there is no article at all or `to` is suppressed; `reason` says so. */
type TestReport =
  | {
      readonly sent: true
      readonly to: string
      readonly subject: string
      readonly messageId: string
      readonly articles: number
    }
  | { readonly sent: false; readonly to: string; readonly reason: string; readonly articles: 0 }

/**
 * Sends what the next digest would be to one address, marked as a test. It writes no row; its links are void. When nothing is new, the newest articles
 * stand in.
 *
 * @throws CourantError `usage` when `to` is no address, `subscriber.unknown`, `test.refused` when no relay accepts it.
 */
export async function sendTest(
  db: Database,
  sender: Sender,
  newsletter: VariantSource['newsletter'],
  options: TestOptions,
  clock: Clock,
): Promise<TestReport> {
  const to = readRecipient(options.to)
  if (await isAddressSuppressed(db, to)) return { sent: false, to, reason: 'The address is suppressed.', articles: 0 }
  const { context } = sender
  checkTemplates(context.templates, readPublication(newsletter))
  const email = options.subscriber ?? null
  const request = { newsletter, email, baseUrl: context.baseUrl, now: clock.now() }
  const next = await readPreview(db, request)
  const isNew = next.source.digest.articles.length > 0
  const preview = isNew ? next : await readNewest(db, request)
  const articles = preview.source.digest.articles.length
  if (articles === 0) return { sent: false, to, reason: 'There is no article to show yet.', articles }
  const compiled = await compileSource(context, markAsTest(preview, email !== null, isNew))
  // Nothing is known of this subscription and version, so the links of the mail act on nobody.
  const reader = { ...preview.reader, email: to, name: null, tokenVersion: 0 }
  const { envelope, content } = writeMessage(context, compiled, { seq: 0, subscriptionId: 0, reader })
  // Bounces of a test go to the sender: there is no delivery they could belong to.
  await send(sender.relays, { envelope: { ...envelope, from: newsletter.fromAddress }, content })
  const { publicId } = compiled.source.edition
  const messageId = messageIdOf(messageName(publicId, compiled.messageIds, 0), newsletter.fromAddress)
  return { sent: true, to, subject: compiled.subject, messageId, articles }
}

function readRecipient(typed: string): string {
  const { address, reason } = checkAddress(typed)
  if (address !== null) return address
  throw new CourantError('usage', {
    what: '--to takes one address.',
    why: reason ?? undefined,
    todo: 'Try it with "courant subscriber check-address".',
  })
}

async function isAddressSuppressed(db: Database, address: string): Promise<boolean> {
  const hash = hashAddress(await readHashKey(db), addressKey(address))
  const rows = await db.execute<{ blocked: boolean }>(sql`select ${isSuppressed(sql`${hash}::bytea`)} as blocked`)
  return rows.rows[0]?.blocked ?? false
}

/** The same digest under a public id of its own, with the words that say what it is. */
function markAsTest({ source, reader }: Preview, ofReader: boolean, isNew: boolean): VariantSource {
  const { locale } = source.digest
  const words = [
    ofReader ? phrase(locale, 'test.reader', { address: reader.email }) : phrase(locale, 'test.everyone'),
    isNew ? '' : phrase(locale, 'test.nothingNew'),
    phrase(locale, 'test.links'),
  ]
  return {
    ...source,
    digest: { ...source.digest, test: words.filter((sentence) => sentence !== '').join(' ') },
    edition: { ...source.edition, publicId: toBase32(randomBytes(10)), nonce: randomBytes(32) },
  }
}

async function send(
  relays: readonly Relay[],
  { envelope, content }: Pick<Message, 'envelope' | 'content'>,
): Promise<void> {
  const connected = await connectFirst(relays)
  if ('trouble' in connected) throw rejected('No relay could be reached.', connected.trouble)
  const { connection } = connected
  try {
    const reply = await connection.send(envelope, content.pieces)
    if (reply.kind === 'accepted') return
    throw rejected('The relay did not accept the test mail.', shortenAddresses(reply.text.replaceAll(envelope.to, '…')))
  } finally {
    await connection.close()
  }
}

function rejected(what: string, why: string | undefined): CourantError {
  return new CourantError('test.refused', {
    what,
    why,
    todo: 'Check SMTP_URL and the relay’s reply, then try again.',
  })
}
