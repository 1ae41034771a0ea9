import { z } from 'zod'
import { suppression } from '../db/schema/subscriber.ts'
import { instantField, textOf } from './fields.ts'
import { audited, unaudited } from './operation.ts'

export const SUPPRESSION_REASONS = suppression.reason.enumValues
const LONGEST_REASON = 5_000

const span = z.object({ since: instantField, until: instantField })

/** Operations on suppressions. */
export const suppressionOperations = {
  /** Lists the oldest suppressions first, read page by page. */
  list: unaudited({
    name: 'suppression.list',
    right: 'subscribers.read',
    input: span.partial().extend({ reason: z.enum(SUPPRESSION_REASONS).optional() }),
    run: async ({ db }, { since = null, until = null, reason = null }) => {
      const { listSuppressions } = await import('../subscribers/suppressions/lift-between.ts')
      return listSuppressions(db, { since, until }, reason)
    },
  }),

  /** Counts the suppressions that `lift` would end. */
  affected: unaudited({
    name: 'suppression.affected',
    right: 'subscribers.read',
    input: span,
    run: async ({ db }, input) => {
      const { countSpan } = await import('../subscribers/suppressions/lift-between.ts')
      return { found: await countSpan(db, input) }
    },
  }),

  /** Lifts the suppressions that rejections made in a period. It runs one transaction per thousand, so the audit line is written first. */
  lift: audited({
    name: 'suppression.lift',
    right: 'suppressions.lift',
    input: span.extend({ reason: textOf(LONGEST_REASON) }),
    run: async ({ db, clock }, { reason, ...between }) => {
      const { liftSpan } = await import('../subscribers/suppressions/lift-between.ts')
      return { lifted: await liftSpan(db, between, reason, clock.now()) }
    },
    audit: {
      before: ({ since, until }) => ({ subject: null, details: { since: since.toString(), until: until.toString() } }),
    },
  }),
}
