import type { Delivery, Edition, Sub } from '../look.ts'
import { isDueAt, lastDue, type Wanted } from '../slots.ts'
import { isOpen, isWanted, type Knowledge, keyOf, mayGetDigests, type Step } from './knowledge.ts'

const LEAST_GRACE_MS = 15 * 60_000
const HOUR_MS = 3_600_000
/** A tick takes its time. */
const PATIENCE_MS = 60_000

/**
 * I6: one edition a slot; each at a time that is a slot of somebody's choice, neither early nor after the grace; and each
 * reader's delivery in an edition of a slot of their own choice.
 */
export function judgeEditions(_: Knowledge, step: Step): readonly string[] {
  const { before, after } = step
  const known = new Set(before.editions.map(({ id }) => id))
  const slots = after.editions.filter(({ slotMs }) => slotMs !== null)
  const groups = Map.groupBy(slots, ({ newsletterId, frequency, slotMs }) => `${newsletterId} ${frequency} ${slotMs}`)
  const twice = [...groups].flatMap(([slot, { length }]) =>
    length > 1 ? [`I6: the slot ${slot} has ${length} editions`] : [],
  )
  const fresh = slots.filter(({ id }) => !known.has(id))
  return [...twice, ...fresh.flatMap((edition) => judgeSlot(step, edition)), ...judgeDeliveries(step)]
}

function judgeSlot({ before, after, toMs }: Step, edition: Edition): readonly string[] {
  const { id, newsletterId, frequency, slotMs, state, createdMs } = edition
  if (slotMs === null) return []
  const say = (what: string) => `I6: edition ${id} of the ${frequency} slot ${new Date(slotMs).toISOString()} ${what}`
  const newsletter = after.newsletters.find((one) => one.id === newsletterId)
  const all: readonly (Wanted & { newsletterId: number })[] = [
    ...[...before.subs, ...after.subs],
    ...[...before.newsletters, ...after.newsletters].map((one) => ({ ...one, newsletterId: one.id })),
  ]
  const isSlot = all.some(
    (one) => one.newsletterId === newsletterId && one.frequency === frequency && isDueAt(one, slotMs),
  )
  const graceMs = Math.max((newsletter?.graceHours ?? 0) * HOUR_MS, LEAST_GRACE_MS)
  return [
    ...(isSlot || state === 'missed' ? [] : [say('is nobody’s slot')]),
    ...(slotMs > toMs ? [say('is early')] : []),
    ...(state !== 'missed' && createdMs - slotMs > graceMs + PATIENCE_MS ? [say('is too late')] : []),
  ]
}

function judgeDeliveries({ before, after }: Step): readonly string[] {
  const last = before.editions.at(-1)?.id ?? 0
  const editions = new Map(after.editions.map((edition) => [edition.id, edition]))
  const subs = Map.groupBy([...before.subs, ...after.subs], ({ id }) => id)
  return after.deliveries.flatMap(({ editionId, subId }) => {
    const edition = editions.get(editionId)
    if (editionId <= last || edition?.slotMs == null) return []
    const { slotMs, frequency } = edition
    const isTheirs = (subs.get(subId) ?? []).some((sub) => sub.frequency === frequency && isDueAt(sub, slotMs))
    return isTheirs ? [] : [`I6: subscription ${subId} is in edition ${editionId}, whose slot is none of theirs`]
  })
}

/**
 * After a tick that nothing disturbed every reader has got, or is getting, what their newsletter showed before their last
 * slot: unless that slot was over for longer than the grace, or fewer articles wait than the newsletter sends at least.
 */
export function judgePunctual(known: Knowledge, step: Step): readonly string[] {
  noteChoices(known, step)
  const { tickedMs, before, after } = step
  if (tickedMs === null) return []
  const unsent = endedUnsent(step)
  return after.subs.flatMap((sub) => {
    const slotMs = lastDue(sub, tickedMs)
    const least = [...before.newsletters, ...after.newsletters].filter(({ id }) => id === sub.newsletterId)
    const graceMs = Math.max((least[0]?.graceHours ?? 0) * HOUR_MS, LEAST_GRACE_MS)
    const sinceMs = Math.max(known.since.get(keyOf(sub))?.ms ?? Infinity, known.horizonMs)
    if (slotMs <= sinceMs || tickedMs - slotMs > graceMs - PATIENCE_MS || unsent.has(sub.id)) return []
    const waiting = after.entries.filter(
      (one) =>
        one.newsletterId === sub.newsletterId && one.id > sub.seen && one.atMs <= slotMs && isWanted(sub.topics, one),
    )
    if (waiting.length < Math.max(...least.map(({ minArticles }) => minArticles))) return []
    return [
      `I1: ${keyOf(sub)} was due at ${new Date(slotMs).toISOString()} and did not get article ${waiting[0]?.number}`,
    ]
  })
}

/** Only who had the choice, and could be mailed, before the slot is owed it; who got their watermark back has the next,
 * and so has who waits for a message that may have come already. */
function noteChoices(known: Knowledge, step: Step): void {
  const { before, after, fromMs, toMs } = step
  const unsent = endedUnsent(step)
  if (toMs < fromMs) known.horizonMs = Math.max(known.horizonMs, fromMs)
  const active = new Set(after.newsletters.filter(({ state }) => state === 'active').map(({ id }) => id))
  const possiblySent = new Set(before.deliveries.filter(isPossiblySent).map(({ subId }) => subId))
  const seen = new Map(before.subs.map((sub) => [sub.id, sub.seen]))
  for (const sub of after.subs) {
    const how = howOf(sub, active.has(sub.newsletterId))
    const isBack = sub.seen < (seen.get(sub.id) ?? 0) || possiblySent.has(sub.id) || unsent.has(sub.id)
    if (known.since.get(keyOf(sub))?.how !== how || isBack)
      known.since.set(keyOf(sub), { how, ms: mayGet(how) ? toMs : Infinity })
  }
  for (const sub of before.subs) if (!after.subs.some(({ id }) => id === sub.id)) known.since.delete(keyOf(sub))
}

/** Subscriptions with a delivery that ended in this step without being sent. */
function endedUnsent({ before, after }: Step): ReadonlySet<number> {
  const over = new Set(before.deliveries.filter((one) => !isOpen(one)).map((one) => `${one.editionId} ${one.subId}`))
  const ended = after.deliveries.filter((one) => !isOpen(one) && one.state !== 'sent')
  return new Set(ended.filter((one) => !over.has(`${one.editionId} ${one.subId}`)).map(({ subId }) => subId))
}

const isPossiblySent = (one: Delivery) => one.state === 'sending' || (isOpen(one) && one.isInDoubt)

const mayGet = (how: string) => how.startsWith('may')

const howOf = (sub: Sub, isActive: boolean) =>
  `${mayGetDigests(sub) && isActive ? 'may' : 'not'} ${sub.frequency} ${sub.weekday} ${sub.hour} ${sub.zone}`
