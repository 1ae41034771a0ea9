import type { Command } from 'commander'
import { desc, eq } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { batch } from '../db/schema/batch.ts'
import { edition } from '../db/schema/edition.ts'
import { newsletter } from '../db/schema/newsletter.ts'
import { TOO_MANY_REJECTIONS } from '../delivery/results/rejection-limit.ts'
import { countDeliveries } from '../editions/reports/counts.ts'
import { type DeliveryReason, formatReason, listReasons } from '../editions/reports/reasons.ts'
import { CourantError } from '../errors.ts'
import { findNewsletter } from '../newsletters/newsletters.ts'
import type { CommandContext } from './shared/command-context.ts'
import { askFirst, isTerminal } from './shared/prompt.ts'
import { rowId, slug, wholeNumber } from './shared/values.ts'

const LISTED = 100
const MOST_LISTED = 10_000
const ID = "the edition's id, as `edition list` and `digest send` give it"
const readId = rowId('<id>', '"courant edition list" shows them.')

type ListOptions = { readonly newsletter?: string; readonly limit: number }

/** `courant edition list|show|pause|resume|cancel`: what was sent and what became of it, and the brakes. */
export function registerEdition(program: Command, context: CommandContext): void {
  const group = program.command('edition').description('look at what is sent and was sent, stop it and let it go on')
  group
    .command('list')
    .description('the newest editions first')
    .option('--newsletter <slug>', 'only of this newsletter', slug('--newsletter'))
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', 1, MOST_LISTED), LISTED)
    .action((options: ListOptions) => context.withDatabase((db) => list(db, context, options)))
  group
    .command('show')
    .argument('<id>', ID, readId)
    .description('state, slot, counts by state and why, when it goes on, batches')
    .action((id: number) => context.withDatabase((db) => show(db, context, id)))
  group
    .command('pause')
    .argument('<id>', ID, readId)
    .description('stop sending until it is resumed; messages on the wire are finished')
    .action((id: number) => context.withDatabase((db) => pause(db, context, id)))
  group
    .command('resume')
    .argument('<id>', ID, readId)
    .description('go on with one that is paused, or held for a template that was mended; the server or a tick sends it')
    .option('--accept-rejections', 'suppress whom a relay refuses for good, however many they are')
    .action((id: number, options: { acceptRejections?: true }) =>
      context.withDatabase((db) => resume(db, context, id, options.acceptRejections ?? false)),
    )
  group
    .command('cancel')
    .argument('<id>', ID, readId)
    .description('stop it for good; who was not reached gets its articles with the next edition')
    .option('--yes', 'do not ask; in a pipe nothing is asked anyway')
    .action((id: number, options: { yes?: boolean }) =>
      context.withDatabase((db) => cancel(db, context, id, options.yes ?? false)),
    )
}

const COLUMNS = {
  id: edition.id,
  publicId: edition.publicId,
  newsletter: newsletter.slug,
  state: edition.state,
  reason: edition.reason,
  frequency: edition.frequency,
  slotAt: edition.slotAt,
  key: edition.key,
  home: edition.home,
  articles: edition.articleCount,
  variants: edition.variantCount,
  createdAt: edition.createdAt,
  finishedAt: edition.finishedAt,
}

async function list(db: Database, context: CommandContext, options: ListOptions): Promise<void> {
  const rows = await db
    .select(COLUMNS)
    .from(edition)
    .innerJoin(newsletter, eq(newsletter.id, edition.newsletterId))
    .where(options.newsletter === undefined ? undefined : eq(newsletter.slug, options.newsletter))
    .orderBy(desc(edition.id))
    .limit(options.limit)
  // One that is deleted has its editions still; one there never was is told.
  if (rows.length === 0 && options.newsletter !== undefined) await findNewsletter(db, options.newsletter)
  for (const row of rows) {
    const counts = await countDeliveries(db, row.id)
    const text = `${row.id}  ${row.newsletter}  ${row.state}  ${row.articles} articles  ${counts.sent}/${counts.planned} sent  ${row.createdAt}`
    context.printLine({ ...row, ...counts }, text)
  }
}

async function show(db: Database, context: CommandContext, id: number): Promise<void> {
  const rows = await db
    .select(COLUMNS)
    .from(edition)
    .innerJoin(newsletter, eq(newsletter.id, edition.newsletterId))
    .where(eq(edition.id, id))
    .limit(1)
  const found = rows[0]
  if (found === undefined)
    throw new CourantError('edition.unknown', {
      what: `There is no edition ${id}.`,
      todo: '"courant edition list" shows them.',
    })
  const counts = await countDeliveries(db, found.id)
  const batches = await db.select().from(batch).where(eq(batch.editionId, found.id)).orderBy(batch.id).limit(10_000)
  const reasons = await listReasons(db, found.id)
  // One that is paused or held goes on when it is told to.
  const nextDueAt = found.state === 'sending' ? earliest(batches.map(({ dueAt }) => dueAt)) : null
  const lines = Object.entries(counts).filter(([, count]) => count > 0)
  const text = [
    `Edition ${found.id} of ${found.newsletter}: ${found.state}${found.reason === null ? '' : ` (${found.reason})`}`,
    `${found.articles} articles in ${found.variants} variants, ${batches.length} batches`,
    ...lines.map(([state, count]) => `  ${state} ${count}`),
    ...reasons.map(sayReason),
    ...(nextDueAt === null ? [] : [`next due ${nextDueAt}`]),
    ...(isInDoubt(found) ? [askWhether(found.id)] : []),
  ].join('\n')
  context.print({ ...found, counts, reasons, nextDueAt, batches: batches.map(({ editionId: _, ...row }) => row) }, text)
}

const isInDoubt = ({ state, reason }: { state: string; reason: string | null }) =>
  state === 'paused' && (reason ?? '').startsWith(TOO_MANY_REJECTIONS)

/** What an operator is asked where too much was refused. */
const askWhether = (id: number) =>
  `Was that the relay? Once it is well again, run "courant edition resume ${id}": they are tried again. ` +
  `Are these mailboxes really gone? Then run "courant edition resume ${id} --accept-rejections".`

function sayReason(one: DeliveryReason): string {
  const doubt = one.ambiguous > 0 ? `, ${one.ambiguous} of them may have arrived` : ''
  return `${one.deliveries} ${one.state}${doubt}: ${formatReason(one)}`
}

function earliest(instants: readonly (Temporal.Instant | null)[]): Temporal.Instant | null {
  return instants.filter((one) => one !== null).toSorted(Temporal.Instant.compare)[0] ?? null
}

async function pause(db: Database, context: CommandContext, id: number): Promise<void> {
  const { pauseEdition } = await import('../editions/lifecycle/pause-resume.ts')
  await pauseEdition(db, id)
  await show(db, context, id)
}

async function resume(db: Database, context: CommandContext, id: number, accepts: boolean): Promise<void> {
  const { resumeEdition } = await import('../editions/lifecycle/pause-resume.ts')
  await resumeEdition(db, id, context.clock.now(), accepts)
  await show(db, context, id)
}

async function cancel(db: Database, context: CommandContext, id: number, yes: boolean): Promise<void> {
  const { cancelEdition } = await import('../editions/lifecycle/cancel.ts')
  if (!yes && isTerminal()) await askFirst(await sayCancelling(db, id))
  await cancelEdition(db, id, context.clock)
  await show(db, context, id)
}

/** The question before an edition is cancelled, with its numbers. */
export async function sayCancelling(db: Database, editionId: number): Promise<string> {
  const { planned, sent, queued, sending, deferred } = await countDeliveries(db, editionId)
  const say = (count: number) => count.toLocaleString('en')
  return `Stop the send? ${say(sent)} of ${say(planned)} readers have it; ${say(queued + sending + deferred)} will not get it.`
}
