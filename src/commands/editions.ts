import type { Command } from 'commander'
import { type DeliveryReason, formatReason } from '../editions/reports/reasons.ts'
import { editionOperations } from '../operations/editions.ts'
import { LISTED } from '../operations/fields.ts'
import type { CommandContext } from './shared/command-context.ts'
import { type NewsletterOption, namedNewsletter, namesNewsletter } from './shared/newsletter-name.ts'
import { confirmOrAbort, isTerminal } from './shared/prompt.ts'
import { performOne, withOperations } from './shared/run.ts'
import { rowId, wholeNumber } from './shared/values.ts'

const ID = "the edition's id, as `edition list` and `digest send` give it"
const readId = rowId('<id>', '"courant edition list" shows them.')

type ListOptions = NewsletterOption & { readonly limit: number }

/** `courant edition list|show|pause|resume|cancel`: what was sent and what became of it, and how to stop it. */
export function registerEdition(program: Command, context: CommandContext): void {
  const group = program.command('edition').description('list, pause, resume and cancel editions')
  namesNewsletter(group.command('list'), 'only this newsletter')
    .description('list the latest editions')
    .option('--limit <n>', 'maximum number of rows', wholeNumber('--limit', 1, LISTED.most), LISTED.usual)
    .action((slug: string | undefined, options: ListOptions) =>
      list(context, { ...options, newsletter: namedNewsletter(slug, options) }),
    )
  group
    .command('show')
    .argument('<id>', ID, readId)
    .description('show an edition: state, slot, deliveries by state and reason, batches')
    .action(async (edition: number) => show(context, await performOne(context, editionOperations.show, { edition })))
  group
    .command('pause')
    .argument('<id>', ID, readId)
    .description('pause an edition; messages already on a connection are finished')
    .action(async (edition: number) => show(context, await performOne(context, editionOperations.pause, { edition })))
  group
    .command('resume')
    .argument('<id>', ID, readId)
    .description('resume an edition that is paused, or held until its template is fixed; the server or a tick sends it')
    .option('--accept-rejections', 'suppress every permanently rejected address, however many there are')
    .action(async (edition: number, options: { acceptRejections?: true }) =>
      show(context, await performOne(context, editionOperations.resume, { ...options, edition })),
    )
  group
    .command('cancel')
    .argument('<id>', ID, readId)
    .description('cancel an edition; readers it did not reach get its articles with the next one')
    .option('--yes', 'skip the confirmation prompt (shown only on a terminal)')
    .action((id: number, options: { yes?: boolean }) => cancel(context, id, options.yes ?? false))
}

async function list(
  context: CommandContext,
  options: { readonly newsletter: string | undefined; readonly limit: number },
): Promise<void> {
  for (const row of await performOne(context, editionOperations.list, options)) {
    const text = `${row.id}  ${row.newsletter}  ${row.state}  ${row.articles} articles  ${row.sent}/${row.planned} sent  ${row.createdAt}`
    context.printLine(row, text)
  }
}

type Report = Awaited<ReturnType<typeof editionOperations.show.run>>

function show(context: CommandContext, { needsDecision, ...report }: Report): void {
  const { id, newsletter, state, reason, articles, variants, counts, reasons, nextDueAt, batches } = report
  const lines = Object.entries(counts).filter(([, count]) => count > 0)
  const text = [
    `Edition ${id} of ${newsletter}: ${state}${reason === null ? '' : ` (${reason})`}`,
    `${articles} articles in ${variants} variants, ${batches.length} batches`,
    ...lines.map(([state, count]) => `  ${state} ${count}`),
    ...reasons.map(sayReason),
    ...(nextDueAt === null ? [] : [`next due ${nextDueAt}`]),
    ...(needsDecision ? [askWhether(id)] : []),
  ].join('\n')
  context.print(report, text)
}

/** What an operator is asked where too much was refused. */
const askWhether = (id: number) =>
  `Was the relay at fault? Once it works again, run "courant edition resume ${id}" to retry them. ` +
  `Are these mailboxes really gone? Run "courant edition resume ${id} --accept-rejections".`

function sayReason(one: DeliveryReason): string {
  const doubt = one.ambiguous > 0 ? `, ${one.ambiguous} of them may have arrived` : ''
  return `${one.deliveries} ${one.state}${doubt}: ${formatReason(one)}`
}

async function cancel(context: CommandContext, edition: number, yes: boolean): Promise<void> {
  await withOperations(context, async (perform) => {
    if (!yes && isTerminal())
      await confirmOrAbort(sayCancelling(await perform(editionOperations.affected, { edition })))
    show(context, await perform(editionOperations.cancel, { edition }))
  })
}

/** What cancelling an edition would end. */
type Affected = Awaited<ReturnType<typeof editionOperations.affected.run>>

/** The question before an edition is cancelled, with its numbers. */
export function sayCancelling({ planned, sent, unsent }: Affected): string {
  const say = (count: number) => count.toLocaleString('en')
  return `Stop the send? ${say(sent)} of ${say(planned)} readers have it; ${say(unsent)} will not get it.`
}
