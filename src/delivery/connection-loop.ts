import { type Begun, beginMessage, type ConnectionWork, finishMessage } from './begin-message.ts'
import type { RelayTrouble } from './circuit-breaker.ts'
import type { Claimed } from './claim.ts'
import { awaitLastCommit, disconnect, isCommitted, newConnection, type RelayConnection } from './connection.ts'
import type { Outcome } from './outcome/outcome.ts'

/** How a connection's loop ended: it was connected, it never had to connect, or its relay accepts nothing. */
export type ConnectionEnd =
  | { readonly kind: 'connected' | 'idle' }
  | { readonly kind: 'unreachable'; readonly trouble: RelayTrouble }

/**
 * Sends one delivery after another over one kept-alive connection until nothing is due and no other connection is
 * working. A message is written while the previous outcome is being committed, except for its end, which waits for the commit:
 * a crash leaves at most one message per connection in doubt. When stopped it finishes the message in transit and leaves the
 * other claimed deliveries to the queue, which returns them.
 */
export async function runConnection(work: ConnectionWork): Promise<ConnectionEnd> {
  const conn = newConnection()
  const idleState = work.idle.join()
  const end = (): ConnectionEnd => {
    // Other connections may have failed while this one had nothing to send.
    const trouble = conn.trouble ?? work.breaker.givenUp()
    return trouble === null ? { kind: conn.opened ? 'connected' : 'idle' } : { kind: 'unreachable', trouble }
  }
  try {
    for (;;) {
      work.idle.startSearch(idleState)
      const claimed = await work.queue.next()
      if (claimed !== null) {
        work.idle.resume(idleState)
        await sendOne(work, conn, claimed)
        if (conn.trouble !== null || work.signal.aborted) return end()
      } else if (conn.last !== null) {
        // What was not sent may be due again.
        await awaitLastCommit(conn)
      } else {
        await disconnect(conn)
        if (!(await work.idle.wait(idleState))) return end()
      }
    }
  } finally {
    try {
      await awaitLastCommit(conn).finally(() => disconnect(conn))
    } finally {
      work.idle.leave(idleState, conn.trouble !== null)
    }
  }
}

/** Sends the delivery's message, or finds out why not, and begins to commit the outcome; nothing is committed for a delivery that is returned. */
async function sendOne(work: ConnectionWork, conn: RelayConnection, claimed: Claimed): Promise<void> {
  const isAhead = conn.last !== null
  let begun = await beginMessage(work, conn, claimed)
  if (!(await isCommitted(conn))) {
    await abandonMessage(work, conn, claimed, begun)
    await awaitLastCommit(conn)
    if (begun.kind !== 'done') return
  }
  if (isAhead && conn.connection !== null && !conn.connection.usable) {
    // The connection ended with the previous message, which is no failure of this one.
    await disconnect(conn)
    begun = await beginMessage(work, conn, claimed)
  }
  const sending = await finishMessage(work, conn, claimed, begun)
  if (sending === null) await work.queue.giveBack(claimed)
  else conn.last = recordOutcome(work, conn, claimed, sending.outcome)
}

/** Abandons a message that was begun, for another connection to send: the last outcome of this one cannot be committed. */
async function abandonMessage(
  work: ConnectionWork,
  conn: RelayConnection,
  claimed: Claimed,
  begun: Begun,
): Promise<void> {
  if (begun.kind === 'done') return
  if (begun.kind === 'begun') await begun.connection.abandon()
  await disconnect(conn)
  await work.queue.giveBack(claimed)
}

/** The promise may reject while the connection waits for something else; the next to await it gets the error. */
function recordOutcome(
  work: ConnectionWork,
  conn: RelayConnection,
  claimed: Claimed,
  outcome: Outcome | Promise<Outcome>,
): Promise<void> {
  const recorded = (async () => {
    await work.outcomes.commit({ claimed, outcome: await outcome }, () => conn.onStuck())
    await work.queue.done(claimed)
    work.onRecorded()
  })()
  recorded.catch(() => {})
  return recorded
}
