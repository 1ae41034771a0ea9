import type { Sub } from '../look.ts'
import type { Read } from '../mails.ts'
import { type Knowledge, keyOf, mayGetDigests, ownOf, type Step } from './knowledge.ts'

/** From the check of a reader to the message: the contract's second. */
const GRACE_MS = 1000

/**
 * I1 and I3 in the readers' inboxes: no article comes twice, but in a copy with the same Message-ID; nothing comes to who
 * has not confirmed, has left, rests or is suppressed; no confirmation is sent that nobody waits for; nothing hidden comes.
 */
export function judgeMails(known: Knowledge, step: Step): readonly string[] {
  noteStandings(known, step)
  return step.mails.flatMap((read) => {
    const { to, begunMs } = read.mail
    const say = (what: string) => `I3: mail ${read.mail.number} to ${to} ${what}`
    const copies = (known.copies.get(read.messageId) ?? 0) + 1
    known.copies.set(read.messageId, copies)
    if (read.kind === 'notice') {
      const sub = step.after.subs.find((one) => one.address === to && waitsForConfirmation(one))
      const settledMs = known.settled.get(to) ?? -Infinity
      return sub === undefined && settledMs + GRACE_MS < begunMs ? [say('asks who has nothing to confirm')] : []
    }
    return judgeDigest(known, step, read, say)
  })
}

function judgeDigest(
  known: Knowledge,
  step: Step,
  { mail, messageId, edition, numbers }: Extract<Read, { kind: 'digest' }>,
  say: (what: string) => string,
): readonly string[] {
  const { id: editionId, newsletterId } = step.after.editions.find(({ publicId }) => publicId === edition) ?? NONE
  if (editionId === 0) return [say('is of no edition')]
  const key = keyOf({ newsletterId, address: mail.to })
  const subId = step.after.subs.find((sub) => keyOf(sub) === key)?.id ?? 0
  known.came.add(`${edition} ${mail.to}`)
  const wrong: string[] = []
  const endedMs = known.ended.get(key) ?? Infinity
  if (endedMs + GRACE_MS < mail.begunMs)
    wrong.push(say(`came ${mail.begunMs - endedMs} ms after its reader could not get it`))
  const got = ownOf(known.got, key, () => new Map())
  for (const number of numbers) {
    const earlier = got.get(number)
    const isAnew = earlier !== undefined && earlier.messageId !== messageId
    if (isAnew && !wasGivenUp(known, earlier.editionId, subId))
      wrong.push(`I1: article ${number} came to ${key} twice, in two messages (mail ${mail.number})`)
    got.set(number, { messageId, editionId })
    const hiddenMs = known.hidden.get(number) ?? Infinity
    if (hiddenMs + GRACE_MS < mail.begunMs) wrong.push(say(`shows article ${number}, which was hidden`))
  }
  return wrong
}

/**
 * A relay may take a message, keep its reply to itself, and refuse it the next time: who knows? The articles then come with the
 * next digest, perhaps for the second time; also where the edition is paused. But what is only superseded was never given up.
 */
function wasGivenUp(known: Knowledge, editionId: number, subId: number): boolean {
  const state = known.deliveries.get(`${editionId} ${subId}`)?.state ?? ''
  return ['failed', 'suppressed', 'skipped', 'cancelled'].includes(state) || known.stopped.has(editionId)
}

/** A pending reader; or one whose address bounced, who may be asked whether it lives. */
const waitsForConfirmation = ({ state, suppressed, blocked }: Sub) => (state === 'pending' || suppressed) && !blocked

const NONE = { id: 0, newsletterId: 0 }

/** Since when who may get nothing; whoever may has no entry. What is looked at after a step was so at its end. */
function noteStandings(known: Knowledge, { before, after, trueMs }: Step): void {
  const may = new Set(after.subs.filter(mayGetDigests).map(keyOf))
  for (const sub of [...before.subs, ...after.subs]) {
    const key = keyOf(sub)
    if (may.has(key)) known.ended.delete(key)
    else if (!known.ended.has(key)) known.ended.set(key, trueMs)
  }
  const waits = (look: Step['after']) => look.subs.filter(waitsForConfirmation).map(({ address }) => address)
  const waiting = new Set(waits(after))
  for (const address of waiting) known.settled.delete(address)
  for (const address of waits(before))
    if (!waiting.has(address) && !known.settled.has(address)) known.settled.set(address, trueMs)
  const shown = new Set(after.entries.map(({ number }) => number))
  for (const { number } of before.entries)
    if (!shown.has(number) && !known.hidden.has(number)) known.hidden.set(number, trueMs)
}

/** I2: copies are as many at most as there were moments that left a message in doubt; what was sent has come. */
export function judgeCopies(known: Knowledge, step: Step, doubts: number): readonly string[] {
  const extra = [...known.copies.values()].reduce((sum, copies) => sum + copies - 1, 0)
  const wrong = extra > doubts ? [`I2: ${extra} messages came again after ${doubts} moments of doubt`] : []
  const addresses = new Map(step.after.subs.map((sub) => [sub.id, sub.address]))
  const editions = new Map(step.after.editions.map((edition) => [edition.id, edition.publicId]))
  for (const { editionId, subId, state } of step.after.deliveries) {
    const address = addresses.get(subId)
    if (state !== 'sent' || address === undefined) continue
    if (!known.came.has(`${editions.get(editionId)} ${address}`))
      wrong.push(`I2: the delivery of edition ${editionId} to ${address} is sent and never came`)
  }
  return wrong
}
