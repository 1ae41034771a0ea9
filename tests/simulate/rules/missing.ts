import type { Delivery, Shown, Sub } from '../look.ts'
import { startsAfter } from '../slots.ts'
import { isOpen, isWanted, type Knowledge, keyOf, ownOf, type Step } from './knowledge.ts'

const BEGINS = ['confirm', 'signUp']

/**
 * I1, never missing and never planned twice: an article a reader wants is one they have, one that is on its way, or one that
 * will come with their next digest, being above their watermark; and never two of these. It goes by them only when they
 * do not want it, or when it is older than one frequency period before the first slot of who begins.
 */
export function judgeMissing(known: Knowledge, step: Step): readonly string[] {
  const bySub = Map.groupBy(known.deliveries.values(), ({ subId }) => subId)
  const entries = Map.groupBy(step.after.entries, ({ newsletterId }) => newsletterId)
  const before = new Map(step.before.subs.map((sub) => [keyOf(sub), sub]))
  return step.after.subs.flatMap((sub) =>
    judgeReader(
      known,
      step,
      { sub, was: before.get(keyOf(sub)) },
      entries.get(sub.newsletterId) ?? [],
      bySub.get(sub.id) ?? [],
    ),
  )
}

type Reader = { readonly sub: Sub; readonly was: Sub | undefined }

function judgeReader(
  known: Knowledge,
  step: Step,
  { sub, was }: Reader,
  entries: readonly Shown[],
  deliveries: readonly Delivery[],
): readonly string[] {
  // Who has never confirmed has no watermark yet.
  if (!sub.confirmed) return []
  const key = keyOf(sub)
  const open = deliveries.filter(isOpen)
  const wrong = open.length > 1 ? [`I1: ${key} has ${open.length} open deliveries`] : []
  const coming = new Set(open.flatMap((delivery) => delivery.entries))
  const sent = new Set(deliveries.filter(({ state }) => state === 'sent').flatMap((delivery) => delivery.entries))
  const passed = ownOf(known.passed, key, () => new Set<number>())
  const begins = sub.state === 'active' && was?.state !== 'active' && BEGINS.includes(step.kind)
  const startMs = begins ? startsAfter(sub, step.toMs) : null
  for (const entry of entries) {
    const isWantedNow = isWanted(sub.topics, entry) && (was === undefined || isWanted(was.topics, entry))
    if (entry.id > sub.seen) {
      if (sent.has(entry.id) && isWanted(sub.topics, entry))
        wrong.push(`I1: ${key} has article ${entry.number} and will get it again`)
      passed.delete(entry.id)
    } else if (coming.has(entry.id) || sent.has(entry.id)) {
      if (coming.has(entry.id) && sent.has(entry.id))
        wrong.push(`I1: ${key} has article ${entry.number}, and it is on its way again`)
    } else if (!passed.has(entry.id)) {
      if (isWantedNow && !(startMs !== null && entry.atMs <= startMs))
        wrong.push(`I1: article ${entry.number} (entry ${entry.id}) went by ${key}`)
      passed.add(entry.id)
    }
  }
  if (startMs !== null && was?.confirmed !== true) {
    const early = entries.filter((entry) => entry.id > sub.seen && entry.atMs <= startsAfter(sub, step.fromMs))
    if (early.length > 0)
      wrong.push(`I1: ${key} begins with article ${early[0]?.number}, older than their first period`)
  }
  return wrong
}
