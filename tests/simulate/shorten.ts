import type { Act } from './acts.ts'
import { type Ground, type OnStep, type Order, type Report, simulate } from './simulation.ts'

/** A faulty history and what is wrong at its end. */
export type Short = { readonly acts: readonly Act[]; readonly wrong: readonly string[]; readonly tries: number }

const MOST_TRIES = 120

/** Which rule was broken, without who and what: a shorter history counts when it breaks the same. */
const ruleOf = (wrong: readonly string[]) => (wrong[0] ?? '').replace(/\d+|[\w.]+@[\w.]+/g, '').slice(0, 24)

/**
 * Leaves out of a faulty history what the fault does not need: halves of it, quarters, and so on to single acts, each try
 * played anew from an empty database.
 */
export async function shorten(
  ground: Ground,
  order: Order,
  { acts, fault }: Report,
  onStep: OnStep = () => {},
): Promise<Short> {
  if (fault === null) return { acts, wrong: [], tries: 0 }
  const rule = ruleOf(fault.wrong)
  let short: Short = { acts: acts.slice(0, fault.step), wrong: fault.wrong, tries: 0 }
  for (let size = Math.ceil(short.acts.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let from = 0; from < short.acts.length && short.tries < MOST_TRIES; ) {
      const left = [...short.acts.slice(0, from), ...short.acts.slice(from + size)]
      const report = await simulate(ground, order, left, onStep)
      const tries = short.tries + 1
      const isSame = report.fault !== null && ruleOf(report.fault.wrong) === rule
      if (isSame && report.fault !== null)
        short = { acts: left.slice(0, report.fault.step), wrong: report.fault.wrong, tries }
      else {
        short = { ...short, tries }
        from += size
      }
    }
  }
  return short
}
