import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { CourantError, reasonOf } from '../../errors.ts'
import { sourceOperations } from '../../operations/sources.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { performOne } from '../shared/run.ts'
import { type BackfillOptions, daysOf } from './add.ts'

/** Gives a newsletter the feeds of an OPML file; those that are refused are named with their reason. */
export async function importSources(context: CommandContext, file: string, options: BackfillOptions): Promise<void> {
  const { newsletter } = options
  const input = { newsletter, backfillDays: daysOf(options), opml: await readInput(file) }
  const { newsletter: slug, ...answer } = await performOne(context, sourceOperations.import, input)
  const { feeds, added, existing, refused } = answer
  const text = `${feeds} feeds for ${slug}: ${added} added, ${existing} it had, ${refused.length} refused.`
  context.print(answer, [...refused.map(({ url, why }) => `${url}\t${why}`), text].join('\n'))
}

/** Writes feeds as OPML. */
export async function exportSources(context: CommandContext, slug: string | undefined): Promise<void> {
  const { opml } = await performOne(context, sourceOperations.export, { newsletter: slug })
  context.print({ opml }, opml)
}

async function readInput(file: string): Promise<Buffer> {
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file)
  } catch (cause) {
    throw new CourantError('opml.unreadable', { what: 'The file cannot be read.', why: reasonOf(cause), cause })
  }
}
