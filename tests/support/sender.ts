import { pino } from 'pino'
import type { Sender } from '../../src/deliver/send.ts'
import { loadTemplates } from '../../src/digest/template.ts'
import { parseRelay } from '../../src/mail/relay.ts'
import { openLinkKeys } from '../../src/subscribe/links.ts'

/** A sender to the relays of these URLs, with the product's own templates. */
export async function senderTo(...urls: readonly string[]): Promise<Sender> {
  return {
    relays: urls.map((url) => parseRelay(url)),
    stationery: {
      templates: await loadTemplates({ dir: null }),
      baseUrl: 'https://digest.example.org',
      linkKeys: openLinkKeys(['a secret of the tests that is long enough']),
      inboundDomain: null,
    },
    log: pino({ level: 'silent' }),
  }
}
