import type { Delivery, Edition, Look, Shown, Sub } from '../look.ts'
import type { Read } from '../mails.ts'

/** One step of the play as the rules hear of it; times by the wall clock and by the true one. */
export type Step = {
  readonly kind: string
  /** Nobody died, stood still or was refused, and nothing was set. */
  readonly clean: boolean
  /** Of a clean tick of all schedulers: when it began, by the wall clock. */
  readonly tickedMs: number | null
  readonly fromMs: number
  readonly toMs: number
  readonly trueMs: number
  readonly before: Look
  readonly after: Look
  readonly mails: readonly Read[]
}

/** What the rules remember from step to step. A key is a newsletter's id and an address. */
export type Knowledge = {
  /** By key: the articles a reader has, each with the message it came in. */
  readonly got: Map<string, Map<number, { readonly messageId: string; readonly editionId: number }>>
  readonly copies: Map<string, number>
  /** Editions' public ids and addresses of the mails that came. */
  readonly came: Set<string>
  /** By key: entries that went by a reader for a good reason. */
  readonly passed: Map<string, Set<number>>
  /** By key: since when, by the true clock, a reader may get no digest any more. */
  readonly ended: Map<string, number>
  /** By address: since when nothing of theirs waits for confirmation any more. */
  readonly settled: Map<string, number>
  /** By number: since when an article is shown no more. */
  readonly hidden: Map<number, number>
  /** By key: since when, by the wall clock, a reader has had this choice, been active, and their newsletter too. */
  readonly since: Map<string, { readonly how: string; readonly ms: number }>
  /** By edition and subscription: the delivery as last seen. */
  readonly deliveries: Map<string, Delivery>
  /** Editions that were paused or held at some time: what was in doubt there is planned anew. */
  readonly stopped: Set<number>
  /** How far the wall clock had come before it was last set back. */
  horizonMs: number
}

export const newKnowledge = (): Knowledge => ({
  got: new Map(),
  copies: new Map(),
  came: new Set(),
  passed: new Map(),
  ended: new Map(),
  settled: new Map(),
  hidden: new Map(),
  since: new Map(),
  deliveries: new Map(),
  stopped: new Set(),
  horizonMs: 0,
})

export const keyOf = ({ newsletterId, address }: Pick<Sub, 'newsletterId' | 'address'>) => `${newsletterId} ${address}`

export const mayGetDigests = ({ state, suppressed }: Sub) => state === 'active' && !suppressed

/** Whether a reader with these topics wants the article: no pick is everything, else one of the picked. */
export const isWanted = (topics: readonly number[], entry: Shown) =>
  topics.length === 0 || entry.topics.some((topic) => topics.includes(topic))

export const isOpen = ({ state }: Pick<Delivery, 'state'>) => ['queued', 'deferred', 'sending'].includes(state)

export const isOver = ({ state }: Edition) => ['finished', 'cancelled', 'missed'].includes(state)

/** A map's own set or map for a key, made when it is not there. */
export function ownOf<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

/** Remembers the deliveries as they stand now, and which editions nobody works on. */
export function noteDeliveries({ deliveries, stopped }: Knowledge, { after }: Step): void {
  for (const { id, state } of after.editions) if (state === 'paused' || state === 'held') stopped.add(id)
  for (const delivery of after.deliveries) deliveries.set(`${delivery.editionId} ${delivery.subId}`, delivery)
}
