import type { Command } from 'commander'
import { CourantError } from '../errors.ts'
import { type NewsletterView, newsletterDefaults, newsletterOperations } from '../operations/newsletters.ts'
import type { CommandContext } from './shared/command-context.ts'
import { type NewsletterOption, namedNewsletter, namesNewsletter } from './shared/newsletter-name.ts'
import { confirmOrAbort, isTerminal } from './shared/prompt.ts'
import { performOne, withOperations } from './shared/run.ts'

/** The rest is validated by the operation, which names each wrong field. */
type Added = { readonly slug: string; readonly name: string }

/** `courant newsletter add|list|show|set|pause|resume|delete`. */
export function registerNewsletter(program: Command, context: CommandContext): void {
  const group = program.command('newsletter').description('manage newsletters')

  sayDefaults(withFields(group.command('add').description('add a newsletter')))
    .requiredOption('--slug <slug>', 'short name: a–z, 0–9 and hyphens')
    .requiredOption('--name <name>', 'name shown to readers')
    .action(async (fields: Added) => {
      const added = await performOne(context, newsletterOperations.add, fields)
      if (added.imprint === null)
        context.warn(
          `${added.slug} has no imprint, so nothing can be sent: courant newsletter set ${added.slug} --imprint …`,
        )
      context.print(added, `Newsletter ${added.slug} is there.`)
    })

  group
    .command('list')
    .description('list newsletters')
    .action(async () => {
      const all = await performOne(context, newsletterOperations.list, {})
      for (const one of all) context.printLine(one, `${one.slug}\t${one.name}\t${one.frequency}\t${one.state}`)
    })

  namesNewsletter(group.command('show'))
    .description('show a newsletter')
    .action(async (slug: string | undefined, options: NewsletterOption) => {
      const newsletter = namedNewsletter(slug, options)
      const found = await performOne(context, newsletterOperations.show, { newsletter })
      context.print(found, textOf(found))
    })

  withFields(namesNewsletter(group.command('set')))
    .description('change a newsletter; an empty value clears a field')
    .option('--name <name>', 'name shown to readers')
    .action(async (slug: string | undefined, fields: NewsletterOption) => {
      const newsletter = namedNewsletter(slug, fields)
      const changed = await performOne(context, newsletterOperations.set, { ...fields, newsletter })
      context.print(changed, textOf(changed))
    })

  namesNewsletter(group.command('pause'))
    .description('pause a newsletter and its open editions')
    .action(async (slug: string | undefined, options: NewsletterOption) => {
      const newsletter = namedNewsletter(slug, options)
      const paused = await performOne(context, newsletterOperations.pause, { newsletter })
      context.print(paused, `Newsletter ${paused.slug} is paused${sayEditions(paused.editions)}.`)
    })

  namesNewsletter(group.command('resume'))
    .description('resume a newsletter and its editions; the next edition comes at the next slot')
    .action(async (slug: string | undefined, options: NewsletterOption) => {
      const newsletter = namedNewsletter(slug, options)
      const resumed = await performOne(context, newsletterOperations.resume, { newsletter })
      context.print(resumed, `Newsletter ${resumed.slug} goes on${sayEditions(resumed.editions)}.`)
    })

  namesNewsletter(group.command('delete'), 'slug')
    .description('delete a newsletter: cancels its editions and unsubscribes its readers; evidence of consent stays')
    .option('--yes', 'skip the confirmation prompt; required without a terminal')
    .action((slug: string | undefined, options: NewsletterOption & { yes?: boolean }) =>
      remove(context, namedNewsletter(slug, options), options.yes ?? false),
    )
}

async function remove(context: CommandContext, slug: string | undefined, yes: boolean): Promise<void> {
  if (slug === undefined)
    throw new CourantError('usage', { what: 'Deleting needs the name of the newsletter.', todo: 'Give its slug.' })
  if (!yes && !isTerminal())
    throw new CourantError('usage', {
      what: 'Deleting a newsletter cannot be undone, and there is nobody to ask.',
      todo: 'Add --yes.',
    })
  await withOperations(context, async (perform) => {
    if (!yes) {
      const { name, readers, unsent } = await perform(newsletterOperations.affected, { newsletter: slug })
      const numbers = `${readers.toLocaleString('en')} readers, ${unsent.toLocaleString('en')} messages not sent yet.`
      await confirmOrAbort(`Delete ${name} (${slug}) for good? ${numbers}`)
    }
    const deleted = await perform(newsletterOperations.delete, { newsletter: slug })
    context.print(deleted, `Newsletter ${slug} is deleted; ${deleted.readers} readers have left.`)
  })
}

const sayEditions = (editions: readonly number[]) =>
  editions.length === 0 ? '' : `, and with it edition ${editions.join(', ')}`

/** Help says what a new newsletter has for what is left out. */
function sayDefaults(command: Command): Command {
  const defaults = newsletterDefaults()
  for (const option of command.options) {
    const value = defaults[option.attributeName()]
    if (value !== undefined) option.description += ` (default: ${value})`
  }
  return command
}

function withFields(command: Command): Command {
  return command
    .option('--locale <locale>', 'de or en')
    .option('--zone <zone>', 'IANA time zone, such as Europe/Berlin')
    .option('--hour <hour>', 'local hour of editions, 0 to 23')
    .option('--from <sender>', 'address, or Name <address> (default: MAIL_FROM)')
    .option('--reply-to <address>', 'address for replies')
    .option('--imprint <text>', 'legal notice shown in every mail')
    .option('--frequency <frequency>', 'instant, daily, weekdays, weekly or monthly')
    .option('--max-articles <count>', 'maximum number of articles shown in full')
    .option('--min-articles <count>', 'with fewer articles the digest waits for the next slot')
    .option('--grace-hours <hours>', 'catch up slots missed by at most this, 0 to 168')
    .option('--accent <colour>', 'accent colour, such as #1a5276')
    .option('--headline-colour <colour>', 'such as #22262a; adjusted for contrast in light and dark')
    .option('--headline-font <font>', 'serif or sans')
    .option('--logo-url <url>', 'https URL of the logo; requires its size')
    .option('--logo-dark-url <url>', 'logo for dark mode')
    .option('--logo-width <pixels>', '16 to 280')
    .option('--logo-height <pixels>', '16 to 120')
    .option('--logo-alt <text>', 'alternative text (default: the name)')
    .option('--logo-place <place>', 'instead (of the name) or beside (it)')
    .option('--intro <text>', 'text above the articles')
}

function textOf(fields: NewsletterView): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}\t${value ?? ''}`)
    .join('\n')
}
