import { pino } from 'pino'
import type { Sender } from '../../src/delivery/worker.ts'
import { loadTemplates } from '../../src/digest/templates/templates.ts'
import { parseRelay, type Relay } from '../../src/mail/relays/relay.ts'
import { openLinkKeys } from '../../src/subscribers/tokens.ts'

/** Compiled once a process: 60 ms that hundreds of sends need not pay again. */
const templates = await loadTemplates({ dir: null })

/** A relay on this machine, where a content arrives in no time. */
export function nearRelay(url: string): Relay {
  const relay = parseRelay(url)
  return { ...relay, timeouts: { ...relay.timeouts, arrivalMs: 25 } }
}

/** A sender to the relays of these URLs, with the product's own templates. */
export async function senderTo(...urls: readonly string[]): Promise<Sender> {
  return {
    relays: urls.map(nearRelay),
    context: {
      templates,
      baseUrl: 'https://digest.example.org',
      linkKeys: openLinkKeys(['a secret of the tests that is long enough']),
      inboundDomain: null,
    },
    log: pino({ level: 'silent' }),
  }
}
