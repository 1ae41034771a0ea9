import type pg from 'pg'
import type { Database } from '../../src/db/client.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import type { UnsubscribeView } from '../../src/subscribers/unsubscribe/find-by-token.ts'
import type { WorldClock } from './clock.ts'
import type { Gate } from './gate.ts'
import type { Look } from './look.ts'
import type { Read } from './mails.ts'
import type { Sink } from './sink.ts'
import type { Properties, Scene } from './stage.ts'

/** The simulated world, as those who act in it find it. */
export type World = {
  readonly scene: Scene
  readonly properties: Properties
  readonly clock: WorldClock
  readonly pool: pg.Pool
  /** For looking: no statement of it is one of the play's. */
  readonly db: Database
  readonly gate: Gate
  readonly sink: Sink
  readonly newsletters: readonly Newsletter[]
  /** The newsletter, by its place, and the topics of every article that was given in, by its number less 1. */
  readonly published: { newsletter: number; topics: readonly string[] }[]
  /** Mails as they were read. */
  readonly read: Read[]
  /** As everything stood after the last step. */
  look: Look
  lastLeft: UnsubscribeView | null
  /** Workers that tick now, one of which stands still while another does. */
  ticking: number
  /** Messages the relay took without its reply coming through. */
  lostReplies: number
}

/** The one of these that a number chooses; undefined where there is none. */
export function pickOf<T>(from: readonly T[], pick: number): T | undefined {
  return from[pick % Math.max(from.length, 1)]
}
