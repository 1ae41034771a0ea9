import fc from 'fast-check'
import MailComposer from 'nodemailer/lib/mail-composer'
import PostalMime from 'postal-mime'
import { describe, expect, it } from 'vitest'
import { compileMessage, type MessageParts } from '../../../src/mail/mime/compile-message.ts'
import { fillMessage } from '../../../src/mail/mime/fill-message.ts'
import type { Mailbox } from '../../../src/mail/mime/header-fields.ts'
import { cleanName } from '../../../src/mail/mime/header-fields.ts'
import { makeMarkers } from '../../../src/mail/mime/markers.ts'
import { expectCleanLines, partsWith, SLOTS, type Values } from './single-message.ts'

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeHtml = (value: string) => value.replace(/[&<>"']/g, (sign) => entities[sign as keyof typeof entities])
const lineBreaks = (text: string) => text.replace(/\r\n?/g, '\n')

/** The message as nodemailer composes it for one reader alone, the values put in before. */
async function composeAlone(partsOf: (values: Values) => MessageParts, values: Values, to: Mailbox, messageId: string) {
  const { from, replyTo, subject, date, headers, text } = partsOf(values)
  const escaped = {
    ...values,
    name: escapeHtml(values.name),
    leave: escapeHtml(values.leave),
    date: escapeHtml(values.date),
  }
  const { html } = partsOf(escaped)
  return new MailComposer({
    from,
    to: { name: cleanName(to.name ?? ''), address: to.address },
    ...(replyTo === null ? {} : { replyTo }),
    subject,
    date: new Date(date.epochMilliseconds),
    messageId,
    headers: headers.map(([key, value]) => ({ key, value })),
    text: lineBreaks(text),
    ...(html === null ? {} : { html: lineBreaks(html) }),
    encoding: 'quoted-printable',
    newline: 'windows',
    boundaryPrefix: '----=_Courant',
    baseBoundary: 'Message',
  })
    .compile()
    .build()
}

const words = fc.string({ unit: 'grapheme', maxLength: 120 })
const nasty = fc.constantFrom(
  '.',
  '..',
  '\n.\n',
  '\r\n',
  '\r',
  '=',
  '=3D',
  '=\n',
  '"',
  "'",
  '&amp;',
  '<b>',
  ' ',
  '\t',
  'ß',
  '🦊',
  '漢',
  '\n',
)
// A piece never ends with a lone CR: with an LF in the next one, nodemailer, seeing the whole, would read one line break.
const anyText = fc.oneof(
  words,
  fc.array(fc.oneof(words, nasty), { maxLength: 30 }).map((list) => list.join('').replace(/\r$/, '\r\n')),
)
const url = fc.webUrl({ withQueryParameters: true, size: 'medium' })
const name = fc.oneof(
  words,
  fc.constantFrom('O\'Hara, "Bob"', 'Müller (Köln)', '=?utf-8?Q?x?=', 'x'.repeat(300), '张伟'),
)
const address = fc.constantFrom(
  'anna@example.net',
  "o'hara+tag@xn--mller-kva.de",
  'anna@müller.de',
  'l.o.n.g.e.r_local-part.with.many.signs@a.very.long.domain.name.example.org',
)
const template = fc
  .array(
    fc.oneof(
      anyText,
      fc.constantFrom(...SLOTS).map((slot) => ({ slot })),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((pieces) => (marks: Values) => pieces.map((p) => (typeof p === 'string' ? p : marks[p.slot])).join(''))

const message = fc.record({
  text: template,
  html: fc.option(template),
  subject: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }),
  values: fc.record({ name: anyText, leave: url, date: anyText }),
  to: fc.record({ name, address }),
})

describe('a filled message', () => {
  it('parses to exactly what composing for that reader alone would have parsed to, in clean lines', async () => {
    await fc.assert(
      fc.asyncProperty(message, async ({ text, html, subject, values, to }) => {
        const partsOf = (marks: Values) =>
          partsWith(marks, {
            subject,
            text: `${text(marks)}-\n`,
            html: html === null ? null : `<p>${html(marks)}</p>\n`,
          })
        const markers = makeMarkers(SLOTS)
        const compiled = await compileMessage(partsOf(markers), markers, SLOTS)
        const filled = fillMessage(compiled, values, to, 'id@example.org')
        const alone = await composeAlone(partsOf, values, to, 'id@example.org')
        expect(await PostalMime.parse(filled)).toEqual(await PostalMime.parse(alone))
        expectCleanLines(filled)
      }),
      { numRuns: 300 },
    )
  })
})
