import type { Config } from '../../config.ts'
import type { Stationery } from '../../deliver/message.ts'
import type { Sender } from '../../deliver/send.ts'
import { loadTemplates } from '../../digest/template.ts'
import type { Logger } from '../../log.ts'
import { parseRelay } from '../../mail/relay/relay.ts'
import { openLinkKeys } from '../../subscribe/links.ts'

/** What messages are made with, by the configuration; `apart` as for `loadTemplates`. */
export async function openStationery(config: Config, apart = false): Promise<Stationery> {
  return {
    templates: await loadTemplates({ dir: config.templatesDir, apart }),
    baseUrl: config.baseUrl,
    linkKeys: openLinkKeys(config.secrets),
    inboundDomain: config.inboundDomain,
  }
}

/** What a worker sends with, by the configuration; `apart` as for `loadTemplates`. */
export async function openSender(config: Config, log: Logger, apart = false): Promise<Sender> {
  return { relays: config.relays.map((url) => parseRelay(url)), stationery: await openStationery(config, apart), log }
}
