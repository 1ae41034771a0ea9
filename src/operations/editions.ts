import { z } from 'zod'
import { listLimit, onlyOrSlug, rowIdField } from './fields.ts'
import { audited, type OperationContext, unaudited } from './operation.ts'

const named = z.object({ edition: rowIdField })

/** Operations on editions. */
export const editionOperations = {
  /** Lists the newest editions first, with their deliveries by state. */
  list: unaudited({
    name: 'edition.list',
    right: 'editions.read',
    input: z.object({ newsletter: onlyOrSlug, limit: listLimit }),
    run: async ({ db }, { newsletter = null, limit }) => {
      const { listEditions } = await import('../editions/reports/edition-report.ts')
      return listEditions(db, newsletter, limit)
    },
  }),

  show: unaudited({ name: 'edition.show', right: 'editions.read', input: named, run: readReport }),

  /** Stops sending until the edition is resumed; messages already on a connection are finished. */
  pause: audited({
    name: 'edition.pause',
    right: 'editions.send',
    input: named,
    run: async (context, input) => {
      const { pauseEdition } = await import('../editions/lifecycle/pause-resume.ts')
      await pauseEdition(context.db, input.edition)
      return readReport(context, input)
    },
    audit: { after: ({ id, newsletter }) => ({ subject: id, details: { newsletter } }) },
  }),

  /** Resumes a paused or held edition. With `acceptRejections` every permanently rejected mailbox is suppressed from now on. */
  resume: audited({
    name: 'edition.resume',
    right: 'editions.send',
    input: named.extend({ acceptRejections: z.boolean().default(false) }),
    run: async (context, input) => {
      const { resumeEdition } = await import('../editions/lifecycle/pause-resume.ts')
      await resumeEdition(context.db, input.edition, context.clock.now(), input.acceptRejections)
      return readReport(context, input)
    },
    audit: {
      after: ({ id, newsletter }, { acceptRejections }) => ({ subject: id, details: { newsletter, acceptRejections } }),
    },
  }),

  /** Counts the readers who would not get the edition if it were cancelled. */
  affected: unaudited({
    name: 'edition.affected',
    right: 'editions.read',
    input: named,
    run: async ({ db }, { edition }) => {
      const { countDeliveries } = await import('../editions/reports/counts.ts')
      const { planned, sent, queued, sending, deferred } = await countDeliveries(db, edition)
      return { planned, sent, unsent: queued + sending + deferred }
    },
  }),

  /** Cancels an edition. It runs one transaction per slice of batches, so the audit line is written first. */
  cancel: audited({
    name: 'edition.cancel',
    right: 'editions.send',
    input: named,
    run: async (context, input) => {
      const { cancelEdition } = await import('../editions/lifecycle/cancel.ts')
      await cancelEdition(context.db, input.edition, context.clock)
      return readReport(context, input)
    },
    audit: { before: ({ edition }) => ({ subject: edition }) },
  }),
}

async function readReport({ db }: OperationContext, { edition }: z.output<typeof named>) {
  const [{ readEditionReport }, { TOO_MANY_REJECTIONS }] = await Promise.all([
    import('../editions/reports/edition-report.ts'),
    import('../delivery/results/rejection-limit.ts'),
  ])
  const report = await readEditionReport(db, edition)
  // The operator decides whether the relay was wrong or the mailboxes are gone.
  const needsDecision = report.state === 'paused' && (report.reason ?? '').startsWith(TOO_MANY_REJECTIONS)
  return { ...report, needsDecision }
}
