import type { Command } from 'commander'
import type { z } from 'zod'
import type { DeliveryRecord } from '../editions/reports/history.ts'
import { formatReason } from '../editions/reports/reasons.ts'
import { CourantError } from '../errors.ts'
import { SUBSCRIBER_FORMATS, SUBSCRIPTION_STATES, subscriberOperations } from '../operations/subscribers.ts'
import { splitTopics } from '../subscribers/import/row.ts'
import type { ListedSubscription, SubscriberDetails } from '../subscribers/list-subscribers.ts'
import type { CommandContext } from './shared/command-context.ts'
import { type NewsletterOption, namedNewsletter, namesNewsletter } from './shared/newsletter-name.ts'
import { performBare, performOne, withOperations } from './shared/run.ts'
import { address, choicePart, file, line, lines, oneOf, slug as shortName } from './shared/values.ts'
import { importFile } from './subscriber-import.ts'

type AddOptions = Omit<z.input<typeof subscriberOperations.add.input>, 'email' | 'topics'> & {
  readonly topics?: string
}

type ListOptions = NewsletterOption & { readonly state?: (typeof SUBSCRIPTION_STATES)[number] }

const LOCALES = ['de', 'en'] as const
const LONGEST_TOPICS = 2_000

/** `courant subscriber add|list|show|lift|import|check-address`. */
export function registerSubscriber(program: Command, context: CommandContext): void {
  const group = program.command('subscriber').description('manage subscribers and their subscriptions')
  registerAdd(group, context)
  registerList(group, context)
  registerShow(group, context)
  registerLift(group, context)
  registerImport(group, context)
  registerCheck(group, context)
}

function registerAdd(group: Command, context: CommandContext): void {
  group
    .command('add')
    .argument('<email>', 'address of the reader')
    .description('subscribe a reader or change the options given; without --confirmed they are asked to confirm')
    .option('--newsletter <slug>', 'slug; optional if there is only one newsletter', shortName('--newsletter'))
    .option('--confirmed', 'the reader has consented; requires --evidence')
    .option('--evidence <text>', 'when, where and how they consented', lines('--evidence'))
    .option('--name <name>', 'name of the reader', line('--name', 'orNone'))
    .option('--locale <locale>', 'de or en', oneOf('--locale', LOCALES))
    .option(
      '--frequency <frequency>',
      'instant, daily, weekdays, weekly or monthly',
      choicePart('--frequency', 'frequency'),
    )
    .option('--weekday <day>', '1 (Monday) to 7 (Sunday), for weekly', choicePart('--weekday', 'weekday'))
    .option('--hour <hour>', 'local hour, 0 to 23', choicePart('--hour', 'hour'))
    .option('--time-zone <zone>', 'IANA time zone of the reader', choicePart('--time-zone', 'timeZone'))
    .option(
      '--topics <names>',
      'topics separated by commas; empty for everything',
      line('--topics', 'orNone', LONGEST_TOPICS),
    )
    .option('--format <format>', 'html or plain', oneOf('--format', SUBSCRIBER_FORMATS))
    .action(async (email: string, options: AddOptions) => {
      const topics = options.topics === undefined ? undefined : splitTopics(options.topics)
      const added = await performOne(context, subscriberOperations.add, { ...options, email, topics: topics?.slice() })
      context.print(added, `${added.kind}\t${lineOf(added)}`)
    })
}

function registerList(group: Command, context: CommandContext): void {
  namesNewsletter(group.command('list'), 'only this newsletter')
    .description('list subscriptions')
    .option('--state <state>', SUBSCRIPTION_STATES.join(', '), oneOf('--state', SUBSCRIPTION_STATES))
    .action((slug: string | undefined, options: ListOptions) =>
      withOperations(context, async (perform) => {
        const filter = { state: options.state, newsletter: namedNewsletter(slug, options) }
        for await (const one of await perform(subscriberOperations.list, filter)) context.printLine(one, lineOf(one))
      }),
    )
}

function registerShow(group: Command, context: CommandContext): void {
  aboutReader(group, 'show')
    .description('show everything stored about a reader, with the evidence of consent')
    .action(async (email: string) => {
      const reader = await performOne(context, subscriberOperations.show, { email })
      const standing = reader.suppressed === null ? [] : [saySuppressed(reader.suppressed)]
      const subscriptions = reader.subscriptions.map((one) => `${lineOf(one)}\t${one.nextSlotAt ?? ''}`)
      const consent = reader.consent.map((one) => [one.at, one.action, one.newsletter, one.ip, one.evidence].join('\t'))
      const deliveries = reader.deliveries.map(lineOfDelivery)
      context.print(reader, [...standing, ...subscriptions, ...consent, ...deliveries].join('\n'))
    })
}

/** A command about one reader, who is named by their address. */
const aboutReader = (group: Command, name: string): Command =>
  group.command(name).argument('<email>', 'address of the reader', address('<email>'))

function saySuppressed({ reason, askedAt }: NonNullable<SubscriberDetails['suppressed']>): string {
  return `suppressed: ${reason}${askedAt === null ? '' : `, asked to confirm ${askedAt}`}`
}

function registerLift(group: Command, context: CommandContext): void {
  aboutReader(group, 'lift')
    .description('ask the reader of a suppressed address to confirm again; nothing else is sent there until they do')
    .requiredOption('--reason <text>', 'reason, recorded for the reader', lines('--reason'))
    .action(async (email: string, { reason }: { reason: string }) => {
      const { email: _, ...done } = await performOne(context, subscriberOperations.lift, { email, reason })
      const text = done.lifted
        ? `${email} may be subscribed again (was ${done.suppression}).`
        : `${email} (${done.suppression}) is asked to confirm ${done.asked.join(', ')}. Until then nothing else is sent there.`
      context.print({ email, ...done }, text)
    })
}

function lineOfDelivery({ edition, newsletter, state, reason, reply, retryAt, finalAt }: DeliveryRecord): string {
  const why = reason === null ? '' : formatReason({ reason, reply })
  return [retryAt ?? finalAt, `edition ${edition}`, newsletter, state, why].join('\t')
}

function registerImport(group: Command, context: CommandContext): void {
  group
    .command('import')
    .argument('<csv>', 'CSV file', file('<csv>'))
    .description('import subscribers from CSV; readers without confirmedAt and evidence are asked to confirm')
    .option('--newsletter <slug>', 'newsletter of rows that name none', shortName('--newsletter'))
    .option('--yes', 'send the confirmation mails without a prompt; without it a script sends none')
    .action((name: string, options: { newsletter?: string; yes?: boolean }) => importFile(context, name, options))
}

function registerCheck(group: Command, context: CommandContext): void {
  group
    .command('check-address <address> [more...]')
    .usage('[options] <address>')
    .description('check whether an address can be subscribed, and suggest a correction')
    // An address may begin with a hyphen; commander then takes all that follows for words, --json too.
    .allowUnknownOption()
    .action(async (given: string, more: readonly string[]) => {
      if (more.some((word) => word !== '--json')) throw wrongUsage('check-address takes one address.')
      const checked = await performBare(context, subscriberOperations.checkAddress, { address: given })
      const { valid, reason, suggestion } = checked
      const meant = suggestion === null ? '' : ` Was ${suggestion} meant?`
      context.print(checked, `${valid ? 'valid' : (reason ?? '')}${meant}`)
    })
}

function lineOf(one: ListedSubscription): string {
  const time = [one.frequency, one.weekday, one.hour, one.timeZone].filter((part) => part !== null).join(' ')
  return [one.email, one.newsletter, one.state, time, one.topics.join(', ')].join('\t')
}

function wrongUsage(what: string): CourantError {
  return new CourantError('usage', { what, todo: 'Run the command with --help.' })
}
