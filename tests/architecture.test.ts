import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')
/** Reading order is import order: a file imports its own folder and folders before it, never after. */
const FOLDERS = [
  '',
  'config',
  'db',
  'mail',
  'locale',
  'newsletters',
  'subscribers',
  'articles',
  'content',
  'digest',
  'editions',
  'delivery',
  'inbound',
  'scheduler',
  'operations',
  'web',
  'commands',
  'server',
  'demo',
]
/**
 * The same within a folder: its folders, and where its own files come in the order ('' for those that are not named). A folder
 * that is not listed has none, or its own files come first.
 */
const WITHIN: Readonly<Record<string, readonly string[]>> = {
  db: ['schema', 'pglite', ''],
  mail: ['addresses', 'mime', 'relays', 'smtp'],
  newsletters: ['branding', 'schedule', ''],
  subscribers: ['', 'preferences', 'confirmation', 'signup', 'import', 'suppressions', 'unsubscribe'],
  articles: ['text', 'raw-feed.ts', 'images', 'feeds', 'build-article.ts', 'fetch', 'store', 'parsing', 'sources', ''],
  digest: ['compose', 'templates', 'render', ''],
  editions: ['retention', 'reports', '', 'plan', 'lifecycle'],
  delivery: ['lease.ts', 'claim.ts', 'outcome', 'results', '', 'notices'],
  web: ['page-cache.ts', 'page-templates.ts', 'context.ts', 'pages', 'middleware', 'reader', ''],
  commands: ['shared', 'digests', 'sources', ''],
  demo: ['demo-page.ts', 'serve-pages.ts', 'mailbox', 'press', ''],
}
/** The ways in: several may have a file for the same noun, named for it. */
const DOORS = ['operations', 'web', 'commands']
const LEAST_FILES_OF_A_THIRD_LEVEL = 5
const ABOVE_ALL = ['main.ts', 'cli.ts']
/** What an address or a name in the settings may be is RFC knowledge, which is written down once. */
const SETTINGS_MAY_READ = ['mail/addresses/address.ts', 'mail/addresses/sender.ts', 'mail/relays/ehlo-name.ts']
/** What commands import beside operations: what a word on the command line means, and how the database is opened. */
const COMMANDS_MAY_CALL = [
  'mail/addresses/address.ts',
  'newsletters/settings.ts',
  'subscribers/preferences/preferences.ts',
  'subscribers/import/row.ts',
  'subscribers/import/import.ts',
  'editions/reports/reasons.ts',
]
/** Commands that are no operations: they bring the schema up to date, or watch the files of templates. */
const NO_OPERATIONS = [
  'commands/migrate.ts',
  'commands/shared/command-context.ts',
  'commands/shared/encrypt-now.ts',
  'commands/digests/watch-preview.ts',
]
/** A smaller file with one importer belongs into that importer. */
const FEWEST_LINES = 25
const MOST_LINES = 250

const files = walk(SRC).map((path) => relative(SRC, path))
const sources = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]))
const imports = new Map([...sources].map(([file, text]) => [file, importsOf(file, text)]))

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : entry.name.endsWith('.ts') ? [join(folder, entry.name)] : [],
  )
}

function importsOf(file: string, text: string): string[] {
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...found].map((match) => relative(SRC, resolve(SRC, dirname(file), match[1] ?? '')))
}

/** The same without those that import types alone. */
function callsOf(file: string, text: string): string[] {
  const values = text
    .replace(/import type [^']*'[^']*'/g, '')
    .replace(/import \{([^}]*)\} from '[^']*'/g, (all, names: string) =>
      names.split(',').every((name) => /^\s*(type\s|$)/.test(name)) ? '' : all,
    )
  return importsOf(file, values)
}

const folderOf = (file: string) => (file.includes('/') ? (file.split('/')[0] ?? '') : '')

function findCycle(): string[] | null {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return null
    for (const next of imports.get(file) ?? []) {
      const cycle = visit(next, [...path, file])
      if (cycle !== null) return cycle
    }
    done.add(file)
    return null
  }
  for (const file of files) {
    const cycle = visit(file, [])
    if (cycle !== null) return cycle
  }
  return null
}

/** Files whose text matches, without those that may. */
const filesWith = (pattern: RegExp, except: readonly string[]) =>
  [...sources].filter(([file, text]) => pattern.test(text) && !except.includes(file)).map(([file]) => file)

describe('the source', () => {
  test('every folder is one of the reading order', () => {
    expect(files.map(folderOf).filter((folder) => !FOLDERS.includes(folder))).toEqual([])
  })

  test('every folder within a folder has its place in the order', () => {
    const places = new Set(
      files.filter((file) => file.split('/').length > 2).map((file) => file.split('/').slice(0, 2)),
    )
    const lost = [...places].filter(([folder = '', within = '']) => !WITHIN[folder]?.includes(within))
    expect([...new Set(lost.map((parts) => parts.join('/')))]).toEqual([])
  })

  test('within a folder a file imports what comes before it, never what comes after', () => {
    const placeOf = (file: string) => {
      const [folder = '', next = ''] = file.split('/')
      const order = WITHIN[folder] ?? ['']
      return order.includes(next) ? order.indexOf(next) : order.indexOf('')
    }
    const wrong = [...imports].flatMap(([file, targets]) =>
      targets
        .filter((target) => folderOf(target) === folderOf(file) && folderOf(file) !== '')
        .filter((target) => placeOf(target) > placeOf(file))
        .map((target) => `${file} → ${target}`),
    )
    expect(wrong).toEqual([])
  })

  test('a third level holds several files of one idea', () => {
    const counts = new Map<string, number>()
    for (const file of files.filter((name) => name.split('/').length > 3)) {
      const folder = dirname(file)
      counts.set(folder, (counts.get(folder) ?? 0) + 1)
    }
    const small = [...counts].filter(([, count]) => count < LEAST_FILES_OF_A_THIRD_LEVEL).map(([folder]) => folder)
    expect(small).toEqual([])
  })

  test('a file name occurs once, but for the doors of one noun', () => {
    const places = new Map<string, string[]>()
    for (const file of files.filter((name) => !DOORS.includes(folderOf(name)))) {
      const name = basename(file)
      places.set(name, [...(places.get(name) ?? []), file])
    }
    expect([...places.values()].filter((paths) => paths.length > 1)).toEqual([])
  })

  test('every import leads to a file that is there', () => {
    const missing = [...imports].flatMap(([file, targets]) =>
      targets
        .filter((target) => !statSync(join(SRC, target), { throwIfNoEntry: false }))
        .map((target) => `${file} → ${target}`),
    )
    expect(missing).toEqual([])
  })

  test('a file imports its own folder and folders above it, never below', () => {
    const wrong = [...imports].flatMap(([file, targets]) => {
      if (ABOVE_ALL.includes(file)) return []
      const own = FOLDERS.indexOf(folderOf(file))
      return targets
        .filter((target) => file !== 'config/config.ts' || !SETTINGS_MAY_READ.includes(target))
        .filter((target) => FOLDERS.indexOf(folderOf(target)) > own || ABOVE_ALL.includes(target))
        .map((target) => `${file} → ${target}`)
    })
    expect(wrong).toEqual([])
  })

  test('mail knows nothing of Courant', () => {
    const wrong = [...imports].flatMap(([file, targets]) =>
      folderOf(file) === 'mail' ? targets.filter((target) => !['', 'config', 'mail'].includes(folderOf(target))) : [],
    )
    expect(wrong).toEqual([])
  })

  test('commands hold no query, and call operations alone', () => {
    const inCommands = [...sources].filter(([file]) => folderOf(file) === 'commands')
    expect(
      inCommands.filter(([, text]) => /from '(drizzle-orm|.*db\/schema)/.test(text)).map(([file]) => file),
    ).toEqual([])
    const wrong = inCommands.flatMap(([file, text]) =>
      NO_OPERATIONS.includes(file)
        ? []
        : callsOf(file, text)
            .filter((target) => !['', 'config', 'locale', 'operations', 'commands'].includes(folderOf(target)))
            .filter((target) => !COMMANDS_MAY_CALL.includes(target))
            .map((target) => `${file} → ${target}`),
    )
    expect(wrong).toEqual([])
  })

  test('no import cycles, types included', () => {
    expect(findCycle()).toBeNull()
  })

  test(`no file is longer than ${MOST_LINES} lines`, () => {
    const long = [...sources].filter(([, text]) => text.split('\n').length - 1 > MOST_LINES).map(([file]) => file)
    expect(long).toEqual([])
  })

  test('the environment is read in config/ alone, the current time in clock.ts alone', () => {
    expect(filesWith(/process\.env/, ['config/config.ts'])).toEqual([])
    expect(filesWith(/Date\.now\(|new Date\(\)|Temporal\.Now|performance\.now\(/, ['clock.ts'])).toEqual([])
  })

  test('each package is imported in its own place', () => {
    expect(filesWith(/from 'hono/, []).filter((file) => folderOf(file) !== 'web')).toEqual([])
    expect(filesWith(/from '@electric-sql/, []).filter((file) => !/^db\/pglite\//.test(file))).toEqual([])
    expect(filesWith(/from 'pg-boss/, ['db/jobs.ts'])).toEqual([])
    const commander = filesWith(/from 'commander'/, ['main.ts'])
    expect(commander.filter((file) => folderOf(file) !== 'commands')).toEqual(['demo/command.ts', 'server/serve.ts'])
  })

  test('no file is a drawer for everything', () => {
    expect(files.filter((file) => /(^|\/)(types|utils?|lib|helpers?|index|misc|common)\.ts$/.test(file))).toEqual([])
  })
})

/** The names a file exports. */
const exportsOf = (text: string) =>
  [...text.matchAll(/^export (?:async )?(?:function\*?|const|let|class|type|interface) (\w+)/gm)].map(
    ([, name = '']) => name,
  )

/** The tests and benchmarks, which import from `src` too. */
const readers = ['../tests', '../bench'].flatMap((folder) =>
  walk(resolve(SRC, folder)).map((path) => [relative(SRC, path), readFileSync(path, 'utf8')] as const),
)

describe('exports', () => {
  test('no two share a name', () => {
    const homes = new Map<string, string[]>()
    for (const [file, text] of sources)
      for (const name of new Set(exportsOf(text))) homes.set(name, [...(homes.get(name) ?? []), file])
    expect([...homes].filter(([, files]) => files.length > 1)).toEqual([])
  })

  test('somebody imports each', () => {
    const importers = new Map<string, string[]>()
    for (const [file, text] of [...sources, ...readers])
      for (const target of importsOf(file, text)) importers.set(target, [...(importers.get(target) ?? []), text])
    const unused = [...sources].flatMap(([file, text]) =>
      // Tables are exported for the migrations as well.
      file.startsWith('db/schema/')
        ? []
        : exportsOf(text)
            .filter((name) => !importers.get(file)?.some((other) => new RegExp(`\\b${name}\\b`).test(other)))
            .map((name) => `${file} ${name}`),
    )
    expect(unused).toEqual([])
  })

  test(`a file of under ${FEWEST_LINES} lines has more than one importer, but for doors and tables`, () => {
    const importers = new Map<string, number>()
    for (const targets of imports.values())
      for (const target of new Set(targets)) importers.set(target, (importers.get(target) ?? 0) + 1)
    const lonely = [...sources]
      .filter(([file, text]) => text.split('\n').length - 1 < FEWEST_LINES && importers.get(file) === 1)
      .filter(([file]) => !DOORS.includes(folderOf(file)) && !file.startsWith('db/schema/'))
      .map(([file]) => file)
    expect(lonely).toEqual([])
  })
})
