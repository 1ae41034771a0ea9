import { shortenAddresses } from '../addresses/address.ts'
import type { Relay } from '../relays/relay.ts'
import { openSmtp } from './open-connection.ts'
import type { SmtpConnection } from './session.ts'

/** A connection to the first relay that answers, or what the last one said where none does, addresses in it shortened. */
type FirstConnection = { readonly relay: Relay; readonly connection: SmtpConnection } | { readonly trouble: string }

/** Connects to the relays in their order until one answers. */
export async function connectFirst(relays: readonly Relay[]): Promise<FirstConnection> {
  let trouble = 'There is no relay.'
  for (const relay of relays) {
    const opened = await openSmtp(relay)
    if (!('kind' in opened)) return { relay, connection: opened }
    trouble = shortenAddresses(opened.text)
  }
  return { trouble }
}
