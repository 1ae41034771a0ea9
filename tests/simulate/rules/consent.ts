import { type Knowledge, keyOf, type Step } from './knowledge.ts'

/** By what a reader comes to be active, and by what they cease to be. */
const YES = ['confirm', 'signUp', 'undo', 'return']
const NO = ['leave', 'rest']

/** I3 in the rows: nobody becomes active without having said so, and who is active is so until they say otherwise. */
export function judgeConsent(_: Knowledge, { kind, before, after }: Step): readonly string[] {
  const was = new Map(before.subs.map((sub) => [keyOf(sub), sub]))
  const is = new Map(after.subs.map((sub) => [keyOf(sub), sub]))
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((key) => {
    const [from, to] = [was.get(key)?.state ?? 'unknown', is.get(key)?.state ?? 'unknown']
    if (from === to) return []
    const fault = [`I3: ${key} went from ${from} to ${to} by ${kind}`]
    if (to === 'active') return YES.includes(kind) ? [] : fault
    if (from === 'active' || from === 'paused') return NO.includes(kind) ? [] : fault
    return []
  })
}
