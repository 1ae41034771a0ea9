import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { Imported } from '../../articles/sources/import-opml.ts'
import { CourantError, reasonOf } from '../../errors.ts'
import { findNewsletter } from '../../newsletters/newsletters.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { type BackfillOptions, daysOf } from './add.ts'

/** Gives a newsletter the feeds of an OPML file; those that are refused are named with their reason. */
export async function importSources(context: CommandContext, file: string, options: BackfillOptions): Promise<void> {
  const backfillDays = daysOf(options)
  const { collectAllowPrivate: allowPrivate, secrets } = context.config()
  const [{ importFeeds }, { parserPool: processReader }, { openSecretCipher }] = await Promise.all([
    import('../../articles/sources/import-opml.ts'),
    import('../../articles/parsing/parser-pool.ts'),
    import('../../articles/sources/secrets.ts'),
  ])
  const feeds = await processReader.ask('readList', await readInput(file))
  await context.withDatabase(async (db) => {
    const newsletter = await findNewsletter(db, options.newsletter)
    const wanted = { newsletterId: newsletter.id, backfillDays, allowPrivate, cipher: openSecretCipher(secrets) }
    const imported: Imported[] = []
    for await (const feed of importFeeds(db, feeds, wanted, context.clock.now())) imported.push(feed)
    const count = (outcome: Imported['outcome']) => imported.filter((feed) => feed.outcome === outcome).length
    const refused = imported.flatMap(({ outcome, url, why }) => (outcome === 'refused' ? [{ url, why }] : []))
    const answer = { feeds: feeds.length, added: count('added'), existing: count('existing'), refused }
    const text = `${answer.feeds} feeds for ${newsletter.slug}: ${answer.added} added, ${answer.existing} it had, ${refused.length} refused.`
    context.print(answer, [...refused.map(({ url, why }) => `${url}\t${why}`), text].join('\n'))
  })
}

/** Writes feeds as OPML. */
export async function exportSources(context: CommandContext, slug: string | undefined): Promise<void> {
  const [{ listSources }, { writeOpml }] = await Promise.all([
    import('../../articles/sources/list-sources.ts'),
    import('../../articles/sources/import-opml.ts'),
  ])
  await context.withDatabase(async (db) => {
    const newsletter = slug === undefined ? null : await findNewsletter(db, slug)
    const opml = writeOpml(await listSources(db, newsletter?.id ?? null), newsletter?.name ?? 'Courant')
    context.print({ opml }, opml)
  })
}

async function readInput(file: string): Promise<Buffer> {
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file)
  } catch (cause) {
    throw new CourantError('opml.unreadable', { what: 'The file cannot be read.', why: reasonOf(cause), cause })
  }
}
