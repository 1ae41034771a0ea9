import type { Command } from 'commander'
import { CourantError } from '../errors.ts'
import {
  addNewsletter,
  changeNewsletter,
  findNewsletter,
  listNewsletters,
  type Newsletter,
} from '../newsletters/newsletters.ts'
import type { FieldInput } from '../newsletters/settings.ts'
import type { CommandContext } from './shared/command-context.ts'
import { askFirst, isTerminal } from './shared/prompt.ts'
import { slug as shortName } from './shared/values.ts'

const SLUG = 'its short name'

/** `courant newsletter add|list|show|set|pause|resume|delete`. */
export function registerNewsletter(program: Command, context: CommandContext): void {
  const group = program.command('newsletter').description('newsletters: what one subscribes to')

  withFields(group.command('add').description('add a newsletter'))
    .requiredOption('--slug <slug>', 'its short name: a–z, 0–9 and hyphens')
    .requiredOption('--name <name>', 'the name readers see')
    .action(async (fields: FieldInput) => {
      const from = fields.from ?? context.config().mailFrom ?? undefined
      const made = await context
        .withDatabase((db) => addNewsletter(db, { ...fields, from }, context.clock.now()))
        .catch(asWrongUsage)
      if (made.imprint === null)
        context.warn(
          `${made.slug} has no imprint, so nothing can be sent: courant newsletter set ${made.slug} --imprint …`,
        )
      context.print(shown(made), `Newsletter ${made.slug} is there.`)
    })

  group
    .command('list')
    .description('all newsletters, a line each')
    .action(async () => {
      const all = await context.withDatabase(listNewsletters)
      for (const one of all) context.printLine(shown(one), `${one.slug}\t${one.name}\t${one.frequency}\t${one.state}`)
    })

  group
    .command('show')
    .argument('[slug]', SLUG, shortName('[slug]'))
    .description('one newsletter')
    .action(async (slug: string | undefined) => {
      const found = shown(await context.withDatabase((db) => findNewsletter(db, slug)))
      context.print(found, textOf(found))
    })

  withFields(group.command('set').description('change fields of a newsletter; an empty text clears one'))
    .argument('<slug>', SLUG, shortName('<slug>'))
    .option('--name <name>', 'the name readers see')
    .action(async (slug: string, fields: FieldInput) => {
      const changed = await context
        .withDatabase((db) => changeNewsletter(db, slug, fields, context.clock.now()))
        .catch(asWrongUsage)
      context.print(shown(changed), textOf(shown(changed)))
    })

  group
    .command('pause')
    .argument('<slug>', SLUG, shortName('<slug>'))
    .description('let nothing more be planned or sent; its editions on the way pause with it')
    .action(async (slug: string) => {
      const { pauseNewsletter } = await import('../editions/lifecycle/newsletter-lifecycle.ts')
      const { newsletter, editions } = await context.withDatabase((db) => pauseNewsletter(db, slug))
      const also = editions.length === 0 ? '' : `, and with it edition ${editions.join(', ')}`
      context.print({ ...shown(newsletter), editions }, `Newsletter ${slug} is paused${also}.`)
    })

  group
    .command('resume')
    .argument('<slug>', SLUG, shortName('<slug>'))
    .description('go on with a paused one: its editions are sent, the next one comes at the next slot')
    .action(async (slug: string) => {
      const { resumeNewsletter } = await import('../editions/lifecycle/newsletter-lifecycle.ts')
      const { newsletter, editions } = await context.withDatabase((db) =>
        resumeNewsletter(db, slug, context.clock.now()),
      )
      const also = editions.length === 0 ? '' : `, and with it edition ${editions.join(', ')}`
      context.print({ ...shown(newsletter), editions }, `Newsletter ${slug} goes on${also}.`)
    })

  group
    .command('delete')
    .argument('<slug>', SLUG, shortName('<slug>'))
    .description('end a newsletter: its editions are cancelled, its readers leave; evidence of consent stays')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .action((slug: string, options: { yes?: boolean }) => remove(context, slug, options.yes ?? false))
}

async function remove(context: CommandContext, slug: string, yes: boolean): Promise<void> {
  if (!yes && !isTerminal())
    throw new CourantError('usage', {
      what: 'Deleting a newsletter cannot be undone, and there is nobody to ask.',
      todo: 'Add --yes.',
    })
  const { deleteNewsletter, countAffected: readStake } = await import('../editions/lifecycle/newsletter-lifecycle.ts')
  await context.withDatabase(async (db) => {
    if (!yes) {
      const { newsletter, readers, unsent } = await readStake(db, slug)
      const numbers = `${readers.toLocaleString('en')} readers, ${unsent.toLocaleString('en')} messages not sent yet.`
      await askFirst(`Delete ${newsletter.name} (${slug}) for good? ${numbers}`)
    }
    const { newsletter, editions, readers } = await deleteNewsletter(db, slug, context.clock)
    const answer = { slug, name: newsletter.name, state: newsletter.state, readers, editions }
    context.print(answer, `Newsletter ${slug} is deleted; ${readers} readers have left.`)
  })
}

function withFields(command: Command): Command {
  return command
    .option('--locale <locale>', 'de or en')
    .option('--zone <zone>', 'IANA time zone, such as Europe/Berlin')
    .option('--hour <hour>', 'local hour of its editions, 0 to 23')
    .option('--from <sender>', 'address, or Name <address>; MAIL_FROM when left out')
    .option('--reply-to <address>', 'where answers go')
    .option('--imprint <text>', 'who is responsible; stands in every mail')
    .option('--frequency <frequency>', 'instant, daily, weekdays, weekly or monthly')
    .option('--max-articles <count>', 'articles shown in full')
    .option('--min-articles <count>', 'fewer than these wait for the next slot')
    .option('--grace-hours <hours>', 'a slot missed by no more than this is caught up, 0 to 168')
    .option('--accent <colour>', 'such as #1a5276')
    .option('--headline-colour <colour>', 'such as #22262a; made readable on both grounds')
    .option('--headline-font <font>', 'serif or sans')
    .option('--logo-url <url>', 'https address of a picture for the masthead; needs its size')
    .option('--logo-dark-url <url>', 'the logo for a dark ground')
    .option('--logo-width <pixels>', '16 to 280')
    .option('--logo-height <pixels>', '16 to 120')
    .option('--logo-alt <text>', 'what it shows; the name when left out')
    .option('--logo-place <place>', 'instead of the name, or beside it')
    .option('--intro <text>', 'a text above the articles')
}

function shown(newsletter: Newsletter) {
  const { id, fromAddress, fromName, ...fields } = newsletter
  return { ...fields, from: `${fromName} <${fromAddress}>` }
}

function textOf(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}\t${value ?? ''}`)
    .join('\n')
}

/** Here every field comes from an option, and is called by its name. */
function asWrongUsage(error: unknown): never {
  if (!(error instanceof CourantError) || error.code !== 'newsletter.invalid') throw error
  const optionOf = (field: string) => `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  const why = error.why?.replace(/(?<=^Wrong: |; )(?!a )[a-z]+(?= )|\b[a-z]+[A-Z]\w*/g, optionOf)
  throw new CourantError('usage', { what: error.what, why, todo: 'Run the command with --help.', cause: error })
}
