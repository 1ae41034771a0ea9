import { and, eq } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { edition } from '../../db/schema/edition.ts'
import { subscriber, subscription } from '../../db/schema/subscriber.ts'
import { checkMessages } from '../../delivery/check-messages.ts'
import { type Sender, sendEdition } from '../../delivery/worker.ts'
import { checkTemplates } from '../../digest/render/check-templates.ts'
import { readPublication } from '../../digest/variant.ts'
import { dryRunPlan } from '../../editions/plan/dry-run.ts'
import { planEdition } from '../../editions/plan/plan.ts'
import { makeManualRequest } from '../../editions/plan-request.ts'
import { countDeliveries, type DeliveryCounts, NO_DELIVERIES } from '../../editions/reports/counts.ts'
import { CourantError } from '../../errors.ts'
import { addressKey } from '../../mail/addresses/address.ts'
import { findNewsletter } from '../../newsletters/newsletters.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { openSender } from '../shared/open-sender.ts'

/** What `digest send` answers: `planned` is the sum of the states. */
export type SendReport = Omit<DeliveryCounts, 'queued' | 'sending'> & {
  readonly edition: number | null
  readonly created: boolean
  readonly articles: number
  readonly variants: number
  readonly durationMs: number
}

type Options = { readonly dryRun?: boolean; readonly to?: string; readonly key?: string }

/** Plans an edition by hand and delivers it; with the key of an older one goes on with that. */
export async function sendDigest(context: CommandContext, slug: string | undefined, options: Options): Promise<void> {
  const config = context.config()
  const sender = await openSender(config, context.log())
  const { report, held } = await context.withDatabase(async (db) => {
    const report = await sendNow(db, sender, context, slug, options)
    return { report, held: await readHold(db, report.edition) }
  })
  const text =
    report.planned === 0 && report.edition === null
      ? 'Nothing is new to anybody: no mail, no edition.'
      : `${options.dryRun ? 'Would send' : `Edition ${report.edition}:`} ${report.articles} articles in ${report.variants} variants to ${report.planned} readers` +
        (options.dryRun ? '.' : `: ${report.sent} sent, ${report.deferred} deferred, ${report.failed} failed.`)
  context.print(report, text)
  requireSome(report, held)
}

/** Why the edition is held; null where it is not. */
async function readHold(db: Database, id: number | null): Promise<string | null> {
  if (id === null) return null
  const rows = await db.select({ state: edition.state, reason: edition.reason }).from(edition).where(eq(edition.id, id))
  return rows[0]?.state === 'held' ? (rows[0].reason ?? 'It was not written down why.') : null
}

/** Where nothing gets out until somebody acts, the command fails, whatever its report says. */
function requireSome({ edition, sent, deferred, failed }: SendReport, held: string | null): void {
  if (held !== null)
    throw new CourantError('edition.held', {
      what: `Edition ${edition} is held.`,
      why: held,
      todo: `Mend it, then run "courant edition resume ${edition}".`,
    })
  if (failed === 0 || sent + deferred > 0) return
  throw new CourantError('edition.failed', {
    what: `Edition ${edition} reached nobody: all ${failed} deliveries failed.`,
    todo: `"courant edition show ${edition}" says why; their articles come with the next edition.`,
  })
}

/** The same on a database that is open; the demo uses it too. */
export async function sendNow(
  db: Database,
  sender: Sender,
  context: Pick<CommandContext, 'clock' | 'log' | 'progress'>,
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
  const only = options.to === undefined ? null : await findSubscription(db, newsletter.id, options.to)
  const order = makeManualRequest(newsletter.id, options.key ?? null, only)
  const finish = (report: Omit<SendReport, 'durationMs'>) => ({
    ...report,
    durationMs: Math.round(context.clock.monotonicMs() - startMs),
  })
  if (options.dryRun) {
    const rehearsed = await dryRunPlan(db, order, context.clock)
    return finish({ edition: null, created: false, ...rehearsed })
  }
  const plan = await planEdition(db, order, context.clock)
  if (plan.edition === null)
    return finish({ edition: null, created: false, articles: 0, variants: 0, ...publish(NO_DELIVERIES) })
  context.log().info({ editionId: plan.edition.id, created: plan.created }, 'edition.planned')
  await sendWithProgress(db, sender, context, plan.edition.id)
  const counts = await countDeliveries(db, plan.edition.id)
  context.log().info({ editionId: plan.edition.id, ...counts }, 'edition.sent')
  const row = (await db.select().from(edition).where(eq(edition.id, plan.edition.id)).limit(1))[0]
  return finish({
    edition: plan.edition.id,
    created: plan.created,
    articles: row?.articleCount ?? 0,
    variants: row?.variantCount ?? 0,
    ...publish(counts),
  })
}

async function sendWithProgress(
  db: Database,
  sender: Sender,
  context: Pick<CommandContext, 'clock' | 'progress'>,
  editionId: number,
): Promise<void> {
  const { planned } = await countDeliveries(db, editionId)
  const bar = await context.progress(planned, 'Sending')
  try {
    await sendEdition(db, sender, editionId, context.clock, (sent) => bar.update(sent))
  } finally {
    bar.stop()
  }
}

async function findSubscription(db: Database, newsletterId: number, email: string): Promise<number> {
  const rows = await db
    .select({ id: subscription.id, state: subscription.state })
    .from(subscription)
    .innerJoin(subscriber, eq(subscriber.id, subscription.subscriberId))
    .where(and(eq(subscription.newsletterId, newsletterId), eq(subscriber.emailKey, addressKey(email))))
    .limit(1)
  const found = rows[0]
  if (found?.state === 'active') return found.id
  throw new CourantError('subscriber.inactive', {
    what:
      found === undefined
        ? 'This address does not subscribe to the newsletter.'
        : `The subscription of this address is ${found.state}.`,
    why: 'A digest goes to active subscriptions only.',
    todo: 'Look at it with "courant subscriber show".',
  })
}

/** What is not accounted for yet counts as deferred: it is due, and the next pass takes it up. */
function publish({ queued, sending, ...counts }: DeliveryCounts): Omit<DeliveryCounts, 'queued' | 'sending'> {
  return { ...counts, deferred: counts.deferred + queued + sending }
}
