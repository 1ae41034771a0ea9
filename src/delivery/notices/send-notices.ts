import { neverAborted } from '../../abortable.ts'
import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { relayName } from '../../mail/relays/relay.ts'
import { openCircuitBreaker } from '../circuit-breaker.ts'
import { IdleTracker } from '../idle.ts'
import { openThrottle } from '../throttle.ts'
import type { Sender } from '../worker.ts'
import { HeldNotices } from './held-notices.ts'
import { NoticeConnection, type NoticeSending, type SharedRelay } from './notice-connection.ts'

/** Notices on the wire at once, each on a connection of its own. */
const MOST_CONNECTIONS = 10

/**
 * Sends all due notices and records what becomes of them; returns how many a relay accepted. Each connection takes the next
 * due notice when its last is recorded, until nothing is due any more. Where no relay answers they stay due. Once the signal
 * is aborted no message is begun; those on the wire are finished. A fault ends its own connection, and is thrown once the
 * others have ended.
 */
export async function sendNotices(
  db: Database,
  sender: Sender,
  clock: Clock,
  signal: AbortSignal = neverAborted,
): Promise<number> {
  const held = new HeldNotices(db, clock)
  const sending: NoticeSending = { db, sender, clock, signal, held, idle: new IdleTracker(clock, signal), claiming: 0 }
  const connections = openConnections(sending)
  const settled = await Promise.allSettled(connections.map((connection) => connection.run()))
  held.close()
  for (const connection of settled) if (connection.status === 'rejected') throw connection.reason
  const accepted = connections.reduce((sum, connection) => sum + connection.accepted, 0)
  const trouble = connections.find((connection) => connection.trouble !== null)?.trouble
  if (accepted === 0 && trouble !== undefined)
    sender.log.warn({ relays: sender.relays.map(relayName), trouble }, 'relay.unreachable')
  return accepted
}

/** As many as the relays allow; each is given those that have a connection left for it. */
function openConnections(sending: NoticeSending): readonly NoticeConnection[] {
  const { sender, clock, signal } = sending
  const shared = sender.relays.map((relay): SharedRelay => {
    return {
      relay,
      throttle: openThrottle(relay.ratePerSecond, clock, signal),
      breaker: openCircuitBreaker(clock, signal),
    }
  })
  const count = Math.min(MOST_CONNECTIONS, Math.max(0, ...sender.relays.map(({ connections }) => connections)))
  return Array.from({ length: count }, (_, place) => {
    const allowing = shared.filter(({ relay }) => place < relay.connections)
    return new NoticeConnection(sending, allowing)
  })
}
