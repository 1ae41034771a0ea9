import { hostname } from 'node:os'
import type { Config } from '../config/config.ts'
import { fitConnections, readDescriptorLimit, requireDescriptors } from '../config/descriptors.ts'
import { loadTemplates } from '../digest/templates/templates.ts'
import type { Logger } from '../log.ts'
import { chooseEhloName } from '../mail/relays/ehlo-name.ts'
import { parseRelay, passwordRisk, type Relay, relayName } from '../mail/relays/relay.ts'
import { openLinkKeys } from '../subscribers/tokens.ts'
import type { MessageContext } from './message.ts'
import type { Sender } from './worker.ts'

/** What messages are made with, by the configuration; `inSubprocess` as for `loadTemplates`. */
export async function openMessageContext(config: Config, inSubprocess = false): Promise<MessageContext> {
  return {
    templates: await loadTemplates({ dir: config.templatesDir, inSubprocess }),
    baseUrl: config.baseUrl,
    linkKeys: openLinkKeys(config.secrets),
    inboundDomain: config.inboundDomain,
  }
}

/**
 * What a worker sends with, by the configuration; `inSubprocess` as for `loadTemplates`. Warns of a password that others could read,
 * and of more connections than the process may open, of which it takes fewer.
 *
 * @throws CourantError `machine.descriptors`.
 */
export async function openSender(config: Config, log: Logger, inSubprocess = false): Promise<Sender> {
  requireDescriptors('postgres')
  const ehloName = chooseEhloName(config.ehloName, hostname(), config.baseUrl)
  const relays = fitRelays(
    config.relays.map((url) => parseRelay(url, ehloName)),
    log,
  )
  for (const relay of relays) {
    const risk = passwordRisk(relay)
    const hint = 'Leave tls out of SMTP_URL, or set tls=require.'
    if (risk !== null) log.warn({ relay: relayName(relay), risk, hint }, 'relay.insecure')
  }
  return { relays, context: await openMessageContext(config, inSubprocess), log }
}

function fitRelays(relays: readonly Relay[], log: Logger): readonly Relay[] {
  const wanted = relays.reduce((sum, { connections }) => sum + connections, 0)
  const fitting = fitConnections('relays', wanted)
  if (fitting === wanted) return relays
  const hint = 'Raise the number of files and connections this process may open (ulimit -n).'
  log.warn({ wanted, fitting, limit: readDescriptorLimit(), hint }, 'relay.connections_limited')
  return relays.map((relay) => {
    return { ...relay, connections: Math.max(1, Math.floor((relay.connections * fitting) / wanted)) }
  })
}
