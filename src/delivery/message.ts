import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { composeDigest } from '../digest/compose/compose.ts'
import {
  type Reader,
  type ReaderFields,
  type ReaderTiming,
  readerFields,
  type TimingFields,
} from '../digest/compose/reader-fields.ts'
import { renderDigest } from '../digest/render/render.ts'
import type { Templates } from '../digest/templates/templates.ts'
import { readVariant, type VariantSource } from '../digest/variant.ts'
import { asciiDomainOf, envelopeAddress } from '../mail/addresses/address.ts'
import { mailtoOf } from '../mail/addresses/mailto.ts'
import { type BlockCipher, openBlockCipher } from '../mail/mime/block-cipher.ts'
import { type CompiledMessage, compileMessage } from '../mail/mime/compile-message.ts'
import { type Content, fillContent } from '../mail/mime/fill-message.ts'
import { makeMarkers } from '../mail/mime/markers.ts'
import { messageIdOf, messageName, returnPathOf } from '../mail/mime/message-id.ts'
import type { Envelope } from '../mail/smtp/envelope.ts'
import { type LinkKeys, signLink } from '../subscribers/tokens.ts'
import type { Claimed } from './claim.ts'

/** What all messages are made with. */
export type MessageContext = {
  readonly templates: Templates
  readonly baseUrl: string
  readonly linkKeys: LinkKeys
  /** When set, each message has an envelope sender of its own. */
  readonly inboundDomain: string | null
}

/** The message of one delivery and its envelope; `giveUpFrom` is when the hours until it is given up begin. */
export type Message = { readonly envelope: Envelope; readonly content: Content; readonly giveUpFrom: Temporal.Instant }

/** The placeholders of a message: where readers of one variant differ. */
const PLACEHOLDERS = ['name', 'address', 'date', 'reason', 'unsubscribeUrl', 'unsubscribeMailto'] as const
type PlaceholderName = (typeof PLACEHOLDERS)[number]

/** A variant compiled once for all its readers. */
export type CompiledVariant = {
  readonly source: VariantSource
  readonly subject: string
  readonly messageIds: BlockCipher
  readonly compiled: CompiledMessage<PlaceholderName>
}

/** Reads, renders and compiles a variant, the expensive part; filling it for a reader takes microseconds. */
export async function compileVariant(
  db: Database,
  context: MessageContext,
  variantId: number,
): Promise<CompiledVariant> {
  return compileSource(context, await readVariant(db, variantId, context.baseUrl))
}

/** Renders and compiles a variant from its source. */
export async function compileSource(context: MessageContext, source: VariantSource): Promise<CompiledVariant> {
  const markers = makeMarkers(PLACEHOLDERS)
  const rendered = renderDigest(context.templates, composeDigest(source.digest), markers)
  const { newsletter, edition } = source
  const from = { name: newsletter.fromName, address: newsletter.fromAddress }
  const compiled = await compileMessage(
    {
      from,
      replyTo: newsletter.replyTo === null ? null : { name: '', address: newsletter.replyTo },
      subject: rendered.subject,
      date: edition.at,
      headers: listHeaders(source, context.baseUrl, markers),
      text: rendered.text,
      html: source.format === 'plain' ? null : rendered.html,
    },
    markers,
    ['name'],
  )
  return { source, subject: rendered.subject, messageIds: openBlockCipher(edition.nonce), compiled }
}

/** RFC 2369, RFC 2919, RFC 8058; Feedback-ID as mailbox providers' feedback loops read it. */
function listHeaders(
  { newsletter, edition, digest }: VariantSource,
  baseUrl: string,
  markers: Readonly<Record<PlaceholderName, string>>,
): readonly (readonly [string, string])[] {
  const domain = asciiDomainOf(newsletter.fromAddress)
  const kind = digest.test ? 'test' : 'digest'
  return [
    ['List-Id', `<${newsletter.slug}.${domain}>`],
    ['List-Unsubscribe', `<${markers.unsubscribeUrl}>, <${markers.unsubscribeMailto}>`],
    ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
    ['List-Archive', `<${baseUrl}/archive/${newsletter.slug}>`],
    ['Feedback-ID', `${edition.publicId}:${newsletter.slug}:${kind}:${domain}`],
    ['Precedence', 'bulk'],
    ...(digest.test ? [['Courant-Test', 'yes'] as const] : []),
  ]
}

/**
 * Fills a compiled variant for one reader; `timingFields` may be memoized across readers. The same delivery always has the
 * same Message-ID.
 */
export function writeMessage(
  context: MessageContext,
  variant: CompiledVariant,
  claimed: Pick<Claimed, 'seq' | 'subscriptionId' | 'reader'>,
  timingFields: (timing: ReaderTiming) => TimingFields = readerFields,
): Message {
  const { edition, newsletter } = variant.source
  const name = messageName(edition.publicId, variant.messageIds, claimed.seq)
  const { reader } = claimed
  const content = fillContent(
    variant.compiled,
    fieldsOf(context, variant.source, claimed.subscriptionId, reader, timingFields),
    { name: reader.name, address: reader.email },
    messageIdOf(name, newsletter.fromAddress),
  )
  const from = context.inboundDomain === null ? newsletter.fromAddress : returnPathOf(name, context.inboundDomain)
  return { envelope: { from, to: envelopeAddress(reader.email).address }, content, giveUpFrom: edition.dueAt }
}

/** The values of the placeholders for one reader, including their own unsubscribe links. */
export function fieldsOf(
  { baseUrl, linkKeys, inboundDomain }: MessageContext,
  { digest, newsletter }: VariantSource,
  subscriptionId: number,
  reader: Reader,
  timingFields: (timing: ReaderTiming) => TimingFields = readerFields,
): ReaderFields & { readonly unsubscribeMailto: string } {
  const token = signLink(linkKeys, 'unsubscribe', { id: subscriptionId, version: reader.tokenVersion })
  const mailto =
    inboundDomain === null ? (newsletter.replyTo ?? newsletter.fromAddress) : `unsubscribe@${inboundDomain}`
  return {
    ...timingFields({ ...reader, locale: digest.locale, at: digest.at }),
    name: reader.name ?? '',
    address: reader.email,
    unsubscribeUrl: `${baseUrl}/unsubscribe/${token}`,
    unsubscribeMailto: mailtoOf(mailto, `unsubscribe ${token}`),
  }
}
