import { openSmtp, type SmtpConnection } from '../smtp.ts'
import type { Relay } from './relay.ts'

/** Connections to the first relay that answers, kept open between messages. */
type Line = {
  /** At least one and at most `count` usable connections, all to one relay; what was said where no relay can be reached. */
  readonly ready: (count: number) => Promise<Ready>
  readonly close: () => Promise<void>
}

export type Ready =
  | { readonly kind: 'ready'; readonly relay: Relay; readonly connections: readonly SmtpConnection[] }
  | { readonly kind: 'unreachable'; readonly trouble: string }

/** Opens a line; nothing is dialled before it is asked for. Relays are tried in their order, again each time all are lost. */
export function openLine(relays: readonly Relay[]): Line {
  let relay: Relay | null = null
  let connections: readonly SmtpConnection[] = []
  let closed = false

  /** Adds a connection to this relay, or says why there is none. */
  async function dial(to: Relay): Promise<string | null> {
    const opened = await openSmtp(to)
    if ('kind' in opened) return opened.text
    if (closed) await opened.close()
    else connections = [...connections, opened]
    return null
  }

  async function dialFirst(): Promise<string> {
    let trouble = 'There is no relay.'
    for (const next of relays) {
      const said = await dial(next)
      if (said === null) {
        relay = next
        return ''
      }
      trouble = said
    }
    return trouble
  }

  return {
    ready: async (count) => {
      connections = connections.filter((connection) => connection.usable)
      const trouble = connections.length > 0 ? '' : await dialFirst()
      if (relay === null || connections.length === 0) return { kind: 'unreachable', trouble }
      const to = relay
      const more = Math.max(0, Math.min(count, to.connections) - connections.length)
      await Promise.all(Array.from({ length: more }, () => dial(to)))
      return { kind: 'ready', relay: to, connections: connections.slice(0, count) }
    },
    close: async () => {
      closed = true
      await Promise.all(connections.map((connection) => connection.close()))
    },
  }
}
