import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { checkTemplates } from '../digest/render/check-templates.ts'
import { readPublication } from '../digest/variant.ts'
import { dryRunPlan } from '../editions/plan/dry-run.ts'
import { planEdition } from '../editions/plan/plan.ts'
import { makeManualRequest } from '../editions/plan-request.ts'
import { countDeliveries, type DeliveryCounts, NO_DELIVERIES } from '../editions/reports/counts.ts'
import { readSummary } from '../editions/reports/edition-report.ts'
import { CourantError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { findNewsletter } from '../newsletters/newsletters.ts'
import { findActiveSubscription } from '../subscribers/subscriptions.ts'
import { checkMessages } from './check-messages.ts'
import { type Sender, sendEdition } from './worker.ts'

/** The result of a send; `planned` is the sum of the states. */
export type SendReport = Omit<DeliveryCounts, 'queued' | 'sending'> & {
  readonly edition: number | null
  readonly created: boolean
  readonly articles: number
  readonly variants: number
  readonly durationMs: number
}

/** The context of a manual send; `progress` shows how many of a total were sent. */
type SendContext = {
  readonly clock: Clock
  readonly log: Logger
  readonly progress?: (total: number) => Promise<{ readonly update: (done: number) => void; readonly stop: () => void }>
}

type Options = { readonly dryRun?: boolean; readonly to?: string; readonly key?: string }

/**
 * Plans an edition and delivers it; with the key of an earlier edition it continues that one.
 *
 * @throws CourantError `newsletter.paused`, `newsletter.imprint`, `subscriber.inactive`, and the errors of its templates and
 * messages.
 */
export async function sendNow(
  db: Database,
  sender: Sender,
  context: SendContext,
  slug: string | undefined,
  options: Options,
): Promise<SendReport> {
  const startMs = context.clock.monotonicMs()
  const newsletter = await findNewsletter(db, slug)
  if (newsletter.state === 'paused' && !options.dryRun)
    throw new CourantError('newsletter.paused', {
      what: `The newsletter ${newsletter.slug} is paused.`,
      why: 'Nothing of it is sent.',
      todo: `Run "courant newsletter resume ${newsletter.slug}".`,
    })
  if (newsletter.imprint === null || newsletter.imprint.trim() === '')
    throw new CourantError('newsletter.imprint', {
      what: `The newsletter ${newsletter.slug} has no imprint.`,
      why: 'Every mail must say who sends it.',
      todo: `Run "courant newsletter set ${newsletter.slug} --imprint …".`,
    })
  checkTemplates(sender.context.templates, readPublication(newsletter))
  await checkMessages(sender.context, newsletter)
  const only = options.to === undefined ? null : await findActiveSubscription(db, newsletter.id, options.to)
  const request = makeManualRequest(newsletter.id, options.key ?? null, only)
  const finish = (report: Omit<SendReport, 'durationMs'>) => ({
    ...report,
    durationMs: Math.round(context.clock.monotonicMs() - startMs),
  })
  if (options.dryRun) {
    const dryRun = await dryRunPlan(db, request, context.clock)
    return finish({ edition: null, created: false, ...dryRun })
  }
  const plan = await planEdition(db, request, context.clock)
  if (plan.edition === null)
    return finish({ edition: null, created: false, articles: 0, variants: 0, ...publish(NO_DELIVERIES) })
  context.log.info({ editionId: plan.edition.id, created: plan.created }, 'edition.planned')
  await sendWithProgress(db, sender, context, plan.edition.id)
  const counts = await countDeliveries(db, plan.edition.id)
  context.log.info({ editionId: plan.edition.id, ...counts }, 'edition.sent')
  const summary = await readSummary(db, plan.edition.id)
  return finish({
    edition: plan.edition.id,
    created: plan.created,
    articles: summary?.articles ?? 0,
    variants: summary?.variants ?? 0,
    ...publish(counts),
  })
}

async function sendWithProgress(db: Database, sender: Sender, context: SendContext, editionId: number): Promise<void> {
  const { planned } = await countDeliveries(db, editionId)
  const bar = await context.progress?.(planned)
  try {
    await sendEdition(db, sender, editionId, context.clock, (sent) => bar?.update(sent))
  } finally {
    bar?.stop()
  }
}

/** Counts what is still open as deferred: it is due, and the next pass sends it. */
function publish({ queued, sending, ...counts }: DeliveryCounts): Omit<DeliveryCounts, 'queued' | 'sending'> {
  return { ...counts, deferred: counts.deferred + queued + sending }
}
