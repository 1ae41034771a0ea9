import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Liquid } from 'liquidjs'
import type { Config } from '../config/config.ts'
import { CourantError, reasonOf } from '../errors.ts'
import { type Locale, phrase } from '../locale/locale.ts'
import { openPageCache } from './page-cache.ts'

/** The language a page speaks; `chosen` where its reader said so with `?lang=`, which links then carry on. */
export type Language = { readonly locale: Locale; readonly chosen: Locale | null }

/** A file served under /assets/; `version` changes with it. */
export type Asset = { readonly type: string; readonly version: string; readonly octets: Buffer }

/** The page templates and style sheets, read and parsed once. */
export type Pages = {
  /** A page that is the same for everybody is kept for whoever asks for it next. */
  readonly render: (template: string, language: Language, view: object, isPublic?: boolean) => string
  readonly assets: ReadonlyMap<string, Asset>
}

const OWN = fileURLToPath(new URL('../../templates/pages/', import.meta.url))
const PICO = fileURLToPath(import.meta.resolve('@picocss/pico/css/pico.min.css'))
const VERSION_LETTERS = 12
/** At most 2 MB: a form has 25 KB, nearly all of it time zones, which take 4 ms to render. */
const MOST_KEPT = 40

/**
 * Reads `templates/pages/`; a file of the same name in `pages/` of TEMPLATES_DIR is taken for ours. In them `say` speaks a
 * phrase of `pages` (`{{ 'confirm.button' | say }}`), `go` makes a path a link, `asset` a file's address.
 *
 * @throws CourantError `template.invalid`.
 */
export function openPages(config: Pick<Config, 'templatesDir' | 'baseUrl'>): Pages {
  const folders = [...(config.templatesDir === null ? [] : [join(config.templatesDir, 'pages')]), OWN]
  const base = new URL(config.baseUrl).pathname.replace(/\/$/, '')
  const assets = readAssets(folders)
  const engine = openEngine(folders, base, assets)
  const kept = openPageCache(MOST_KEPT)
  const fill = (template: string, language: Language, view: object) => {
    try {
      return engine.renderFileSync(`${template}.liquid`, view, { globals: language }) as string
    } catch (cause) {
      throw invalid(template, cause)
    }
  }
  const render: Pages['render'] = (template, language, view, isPublic = false) => {
    const found = isPublic ? kept.find([template, language, view]) : null
    const html = found ?? fill(template, language, view)
    if (isPublic && found === null) kept.keep([template, language, view], html)
    return html
  }
  for (const name of new Set(folders.flatMap((folder) => filesIn(folder, '.liquid')))) {
    try {
      engine.parseFileSync(name)
    } catch (cause) {
      throw invalid(name, cause)
    }
  }
  return { render, assets }
}

function openEngine(root: string[], base: string, assets: Pages['assets']): Liquid {
  const engine = new Liquid({
    root,
    extname: '.liquid',
    cache: true,
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    outputEscape: 'escape',
  })
  type Scope = { context: { globals: object } }
  engine.registerFilter('say', function (this: Scope, key: string, ...values: [string, string | number][]) {
    return phrase((this.context.globals as Language).locale, `pages.${key}`, Object.fromEntries(values))
  })
  engine.registerFilter('go', function (this: Scope, path: string) {
    const { chosen } = this.context.globals as Language
    return `${base}${path}${chosen === null ? '' : `${path.includes('?') ? '&' : '?'}lang=${chosen}`}`
  })
  engine.registerFilter('asset', (name: string) => {
    const version = assets.get(name)?.version
    return `${base}/assets/${name}${version === undefined ? '' : `?v=${version}`}`
  })
  return engine
}

function readAssets(folders: readonly string[]): Pages['assets'] {
  const sheets = folders
    .toReversed()
    .flatMap((folder) => filesIn(folder, '.css').map((name) => [name, folder] as const))
  const paths = [['pico.css', PICO] as const, ...sheets.map(([name, folder]) => [name, join(folder, name)] as const)]
  return new Map(
    paths.map(([name, path]) => {
      const octets = readFileSync(path)
      const version = createHash('sha256').update(octets).digest('hex').slice(0, VERSION_LETTERS)
      return [name, { type: 'text/css; charset=utf-8', version, octets }]
    }),
  )
}

function filesIn(folder: string, ending: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(ending))
  } catch {
    return []
  }
}

function invalid(name: string, cause: unknown): CourantError {
  return new CourantError('template.invalid', {
    what: `The template pages/${name.replace(/\.liquid$/, '')}.liquid cannot be used.`,
    why: `${reasonOf(cause).split('\n')[0]}.`,
    todo: 'Correct it; docs/templates.md says what a page is given.',
    cause,
  })
}
