import { subscriberOperations } from '../operations/subscribers.ts'
import { requireRows } from '../subscribers/import/import.ts'
import type { ImportForecast, ImportResult } from '../subscribers/import/passes.ts'
import type { CommandContext } from './shared/command-context.ts'
import { confirmOrAbort, isTerminal } from './shared/prompt.ts'
import { performOne } from './shared/run.ts'

type ImportOptions = { readonly newsletter?: string; readonly yes?: boolean }

/** Imports subscribers from a CSV file: says what that will do, asks where there is somebody, and does it. */
export async function importFile(context: CommandContext, file: string, options: ImportOptions): Promise<void> {
  let bar = await context.progress(100, 'Reading')
  let withheld = 0
  const watch = {
    onRead: ({ unknown, guessed }: { unknown: readonly string[]; guessed: string | null }) => {
      if (unknown.length > 0) context.warn(`Ignored columns: ${unknown.join(', ')}`)
      if (guessed !== null) context.warn(`Lines that are not UTF-8 are read as ${guessed}.`)
    },
    accept: async (forecast: ImportForecast) => {
      bar.stop()
      context.warn(sayForecast(forecast))
      const mails = await acceptImport(forecast, options.yes ?? false)
      withheld = mails === 'withhold' ? forecast.asked : 0
      bar = await context.progress(100, 'Importing')
      return mails
    },
    onProgress: (read: number, total: number) => bar.update(Math.floor((100 * read) / Math.max(1, total))),
  }
  try {
    const input = { file, newsletter: options.newsletter }
    const result = await performOne(context, subscriberOperations.import, input, { importing: watch })
    bar.stop()
    context.print(result, sayResult(result))
    if (withheld > 0)
      context.warn(`${sayReaders(withheld)} not been asked to confirm yet: add --yes to send these mails.`)
    requireRows(result)
  } finally {
    bar.stop()
  }
}

/**
 * Asks a person on a terminal before readers are added. A script is not asked: without --yes it imports and sends no mail.
 *
 * @throws CourantError `declined`.
 */
export async function acceptImport(
  { added, asked }: ImportForecast,
  yes: boolean,
  terminal?: Parameters<typeof confirmOrAbort>[1],
): Promise<'send' | 'withhold'> {
  if (yes) return 'send'
  if (added + asked === 0 || !isTerminal(terminal)) return 'withhold'
  await confirmOrAbort(`Import them and send ${count(asked, 'confirmation mail')}?`, terminal)
  return 'send'
}

function sayForecast({ rows, added, pending, known, duplicates, rejected, asked }: ImportForecast): string {
  const parts = [
    `${number(added)} become active with proof of consent`,
    `${number(pending)} stay pending`,
    `${number(known)} known already`,
    `${number(duplicates)} repeated`,
    `${number(rejected)} rejected`,
  ]
  return `${count(rows, 'row')}: ${parts.join(', ')}. ${count(asked, 'reader')} would be asked to confirm by mail.`
}

function sayResult(result: ImportResult): string {
  const { rows, added, updated, unchanged, duplicates, pending, rejected, rejectsFile } = result
  const kept = rejectsFile === null ? '' : ` (see ${rejectsFile})`
  return `${count(rows, 'row')}: ${added} added, ${updated} updated, ${unchanged} unchanged, ${duplicates} duplicates, ${pending} pending, ${rejected} rejected${kept}`
}

const sayReaders = (readers: number) => (readers === 1 ? '1 reader has' : `${number(readers)} readers have`)
const number = (of: number) => of.toLocaleString('en')
const count = (of: number, noun: string) => `${number(of)} ${noun}${of === 1 ? '' : 's'}`
