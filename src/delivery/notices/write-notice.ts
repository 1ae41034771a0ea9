import type { Temporal } from '../../clock.ts'
import { composeConfirmation } from '../../digest/compose/confirmation-mail.ts'
import { renderConfirmation } from '../../digest/render/render.ts'
import { envelopeAddress } from '../../mail/addresses/address.ts'
import { composeSingle } from '../../mail/mime/fill-message.ts'
import { messageIdOf, returnPathOf, singleMessageName } from '../../mail/mime/message-id.ts'
import type { Envelope } from '../../mail/smtp/envelope.ts'
import { signLink } from '../../subscribers/tokens.ts'
import type { MessageContext } from '../message.ts'
import type { ClaimedNotice, RequestedNewsletter } from './claim-notices.ts'

/** A notice's links become void only with their subscriptions. */
const VERSION = 1

/**
 * Writes the mail that asks for confirmation, as from the first newsletter it names. The same notice always has the same
 * Message-ID and link. A name given in a form is not shown: otherwise anybody could write to strangers with it.
 */
export async function writeNotice(
  { templates, baseUrl, linkKeys, inboundDomain }: MessageContext,
  notice: ClaimedNotice,
  from: RequestedNewsletter,
  now: Temporal.Instant,
): Promise<{ readonly envelope: Envelope; readonly octets: Buffer }> {
  const { email, locale, format } = notice.reader
  const view = composeConfirmation({
    kind: notice.kind,
    locale,
    branding: from,
    asked: notice.asked,
    address: email,
    confirmUrl: `${baseUrl}/confirm/${signLink(linkKeys, 'confirm', { id: notice.id, version: VERSION })}`,
  })
  const { html, text } = renderConfirmation(templates, view)
  const name = singleMessageName(notice.nonce)
  const octets = await composeSingle(
    {
      from: { name: from.fromName, address: from.fromAddress },
      replyTo: from.replyTo === null ? null : { name: '', address: from.replyTo },
      subject: view.subject,
      date: now,
      // RFC 3834 §5.
      headers: [['Auto-Submitted', 'auto-generated']],
      text,
      html: format === 'plain' ? null : html,
    },
    { name: null, address: email },
    messageIdOf(name, from.fromAddress),
  )
  const sender = inboundDomain === null ? from.fromAddress : returnPathOf(name, inboundDomain)
  return { envelope: { from: sender, to: envelopeAddress(email).address }, octets }
}
