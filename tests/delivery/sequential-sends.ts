import { type Clock, clockFrom } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { sendEdition } from '../../src/delivery/worker.ts'
import { senderTo } from '../support/sender.ts'
import type { Sink } from '../support/smtp.ts'
import { NOON } from '../support/world.ts'

/** The sends of a test file: each begins ten minutes after the one before, when deferred deliveries are due again. */
export type SequentialSends = {
  /** Sends an edition over two connections. */
  readonly send: (smtp: Sink, edition: number) => Promise<void>
  /** A clock that starts when the latest send began. */
  readonly clock: () => Clock
}

export function openSequentialSends(db: Database): SequentialSends {
  let began = NOON
  const clock = () => clockFrom(began)
  return {
    send: async (smtp, edition) => {
      began = began.add({ minutes: 10 })
      await sendEdition(db, await senderTo(`${smtp.url}?connections=2`), edition, clock())
    },
    clock,
  }
}
