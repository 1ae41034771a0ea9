import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Temporal } from '../../clock.ts'
import { escapeHtml } from '../../digest/templates/liquid.ts'
import { templateFolders } from '../../digest/templates/templates.ts'
import { CourantError } from '../../errors.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { serveWatched } from '../shared/watch-server.ts'

/** What `digest preview --watch` may be asked for. */
export type WatchOptions = { subscriber?: string; format: string; out?: string; now?: Temporal.Instant }

const CLI = fileURLToPath(new URL('../../cli.ts', import.meta.url))
const LOCALES = fileURLToPath(new URL('../../../locales/', import.meta.url))
const MOST_BYTES = 10_000_000

/**
 * Serves the preview on 127.0.0.1 until Ctrl-C; it is rendered anew, and the open page with it, whenever a mail template
 * or a locale file changes.
 *
 * @throws CourantError `usage` for a format a browser cannot show.
 */
export async function watchPreview(
  context: CommandContext,
  slug: string | undefined,
  options: WatchOptions,
): Promise<void> {
  if (!['html', 'text'].includes(options.format) || options.out !== undefined)
    throw new CourantError('usage', { what: '--watch needs --format html or text, and excludes --out.' })
  const stop = new AbortController()
  const asked = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  const all = [...templateFolders(context.config().templatesDir), LOCALES]
  const folders = all.filter((folder) => existsSync(folder))
  for (const folder of all.filter((one) => !folders.includes(one)))
    context.warn(`${folder} does not exist and is not watched.`)
  const served = await serveWatched(() => renderApart(slug, options, stop.signal), folders)
  context.print(
    { url: served.url, folders },
    `Open ${served.url} and edit ${folders.join(' or ')}. Press Ctrl-C to stop.`,
  )
  await asked
  stop.abort()
  await served.close()
}

/**
 * The same command in a process of its own, as a page: modules are read once a process, so that only a new one sees a
 * changed locale file.
 */
function renderApart(slug: string | undefined, options: WatchOptions, signal: AbortSignal): Promise<string> {
  const words = ['digest', 'preview', ...(slug === undefined ? [] : [slug]), '--json', '--format', options.format]
  if (options.subscriber !== undefined) words.push('--subscriber', options.subscriber)
  if (options.now !== undefined) words.push('--now', options.now.toString())
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...process.execArgv, CLI, ...words],
      { signal, maxBuffer: MOST_BYTES },
      (fault, out, err) => {
        if (fault !== null) resolve(faultPage(readFault(err)))
        else resolve(options.format === 'text' ? page('Text', out) : out)
      },
    )
  })
}

/** The command's own error as it says it with `--json`; else (a locale file that is no JSON) what Node says, file and line first. */
function readFault(err: string): string {
  const line = err.split('\n').find((one) => one.startsWith('{"error"'))
  if (line === undefined) return err.trim()
  const { error }: { error: { message: string; hint: string | null } } = JSON.parse(line)
  return [error.message, error.hint].filter((sentence) => sentence !== null).join('\n\n')
}

const faultPage = (text: string) => page('This cannot be rendered', text, '#b3261e')

function page(title: string, text: string, colour = '#22262a'): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<body style="margin:32px;background:#fdfdfb;color:${colour}">
<pre style="max-width:80ch;font:16px/24px ui-monospace,monospace;white-space:pre-wrap">${escapeHtml(text)}</pre>`
}
