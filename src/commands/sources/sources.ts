import type { Command } from 'commander'
import type { ListedSource } from '../../articles/sources/list-sources.ts'
import { sourceOperations } from '../../operations/sources.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { type NewsletterOption, namedNewsletter, namesNewsletter } from '../shared/newsletter-name.ts'
import { performOne } from '../shared/run.ts'
import { file, idOrUrl, slug as shortName, url } from '../shared/values.ts'
import { takesAccess } from './access.ts'
import { type AddOptions, addSource, type BackfillOptions, takesBackfill } from './add.ts'
import { type SetOptions, setSource } from './set.ts'
import { exportSources, importSources } from './sources-opml.ts'

const SOURCE = idOrUrl('<source>', '"courant source list" shows them.')

/** `courant source add|list|set|import|export|remove`: where a newsletter's articles come from. */
export function registerSource(program: Command, context: CommandContext): void {
  const group = program.command('source').description('manage sources of articles')
  takesBackfill(takesAccess(group.command('add')))
    .argument(
      '<url>',
      'URL of an RSS, Atom, RDF or JSON feed, of a news sitemap, or of a page that links to one',
      url('<url>'),
    )
    .description('add a feed to a newsletter')
    .action((given: string, options: AddOptions) => addSource(context, given, options))
  namesNewsletter(group.command('list'), 'only this newsletter')
    .description('list sources and the result of their last fetch')
    .action((slug: string | undefined, options: NewsletterOption) => list(context, namedNewsletter(slug, options)))
  takesAccess(group.command('set'))
    .argument('<source>', 'id or URL', SOURCE)
    .description('change a source and fetch it again, even if it had ended')
    .option('--url <url>', 'new URL; credentials and headers are not kept for another host', url('--url'))
    .option('--let-in', 'release the articles held by the flood guard to readers')
    .option('--mark-seen', 'mark the held articles as seen, without showing them')
    .action((name: string, options: SetOptions) => setSource(context, name, options))
  takesBackfill(group.command('import'))
    .argument('<file>', 'OPML file, or - for standard input', file('<file>'))
    .description('add all feeds of an OPML file to a newsletter')
    .action((name: string, options: BackfillOptions) => importSources(context, name, options))
  namesNewsletter(group.command('export'), 'only this newsletter')
    .description('write the active feeds as OPML to standard output')
    .action((slug: string | undefined, options: NewsletterOption) =>
      exportSources(context, namedNewsletter(slug, options)),
    )
  group
    .command('remove')
    .argument('<source>', 'id or URL', SOURCE)
    .description('remove a source; its articles stay')
    .option('--newsletter <slug>', 'only from this newsletter', shortName('--newsletter'))
    .action((name: string, options: { newsletter?: string }) => remove(context, name, options.newsletter))
}

async function list(context: CommandContext, slug: string | undefined): Promise<void> {
  const sources = await performOne(context, sourceOperations.list, { newsletter: slug })
  for (const source of sources) context.printLine(source, describe(source))
}

function describe(source: ListedSource): string {
  const held = source.held === 0 ? '' : `, ${source.held} held`
  const failed = source.lastError === null ? '' : `, failed ${source.failures} times: ${source.lastError}`
  const next = source.kind === 'api' || source.state === 'ended' ? '–' : (source.nextFetchAt ?? 'due')
  const newsletters = source.newsletters.join(', ')
  return [source.id, source.url, source.title ?? '–', newsletters, `${source.state}${held}${failed}`, next].join('\t')
}

async function remove(context: CommandContext, name: string, slug: string | undefined): Promise<void> {
  const removed = await performOne(context, sourceOperations.remove, { source: name, newsletter: slug })
  context.print(removed, `Removed source ${removed.id} from ${removed.newsletters.join(', ')}.`)
}
