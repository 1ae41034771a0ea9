import { Temporal } from '../clock.ts'
import type { Reader } from '../digest/compose/reader-fields.ts'
import { readPublication, type VariantSource } from '../digest/variant.ts'
import { CourantError } from '../errors.ts'
import { LOCALES, type Locale } from '../locale/locale.ts'
import { whyNotSendable } from '../mail/smtp/sendable.ts'
import { type CompiledVariant, compileSource, type MessageContext, writeMessage } from './message.ts'

const AT = Temporal.Instant.from('2026-11-23T06:00:00Z')
const NAMELESS: Reader = {
  email: 'reader@example.org',
  name: null,
  tokenVersion: 1,
  since: AT,
  frequency: 'weekly',
  weekday: 1,
  hour: 7,
  zone: 'Europe/Berlin',
}
const NAMED: Reader = { ...NAMELESS, name: 'Zoë "Musterfrau", Müller' }
const FORMATS = ['html', 'plain'] as const

/** Newsletters whose messages were found right, as they were then; kept as long as what they were made with. */
const FOUND_RIGHT = new WeakMap<MessageContext, Set<string>>()

/**
 * Writes a real message of the newsletter for a sample reader of each kind (German, English; HTML, plain; with a name,
 * without) and holds it against the rules of the SMTP client, so that nothing is planned that would fail for every reader.
 * What was found right is remembered: it takes 20 ms.
 *
 * @throws CourantError `message.unsendable`, or what writing the message throws.
 */
export async function checkMessages(context: MessageContext, newsletter: VariantSource['newsletter']): Promise<void> {
  const known = FOUND_RIGHT.get(context) ?? new Set()
  const key = JSON.stringify(newsletter)
  if (known.has(key)) return
  for (const locale of LOCALES)
    for (const format of FORMATS) {
      const variant = await compileSource(context, sampleSource(context, newsletter, locale, format))
      for (const reader of [NAMED, NAMELESS]) checkFilled(context, variant, reader)
    }
  FOUND_RIGHT.set(context, known.add(key))
}

/** The same for one variant that is about to be sent: the newsletter may have changed since it was planned. */
export function checkVariant(context: MessageContext, variant: CompiledVariant): void {
  checkFilled(context, variant, NAMED)
}

function checkFilled(context: MessageContext, variant: CompiledVariant, reader: Reader): void {
  const { envelope, content } = writeMessage(context, variant, { seq: 1, subscriptionId: 1, reader })
  const why = whyNotSendable(envelope, content)
  if (why === null) return
  throw new CourantError('message.unsendable', {
    what: `No message of the newsletter ${variant.source.newsletter.slug} can be sent.`,
    why,
    todo: 'Look at its sender and its address for answers: courant newsletter set --from … --reply-to …',
  })
}

function sampleSource(
  { baseUrl }: MessageContext,
  newsletter: VariantSource['newsletter'],
  locale: Locale,
  format: VariantSource['format'],
): VariantSource {
  const page = `${baseUrl}/archive/${newsletter.slug}`
  const article = {
    entryId: 1,
    url: 'https://example.org/article',
    title: 'Über die Prüfung',
    summary: null,
    author: null,
    image: null,
    publishedAt: AT,
    language: null,
    topics: [],
    source: 'Beispielblatt',
    readingMinutes: null,
    alsoAt: [],
  }
  const publication = readPublication(newsletter)
  return {
    format,
    digest: {
      publication,
      locale,
      articles: [article],
      at: AT,
      intro: newsletter.intro,
      browserUrl: page,
      moreUrl: page,
    },
    edition: { id: 0, publicId: 'a'.repeat(16), nonce: Buffer.alloc(32), at: AT, dueAt: AT },
    newsletter,
  }
}
