import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
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
  'subscribe',
  'articles',
  'collect',
  'digest',
  'editions',
  'delivery',
  'deliver',
  'inbound',
  'scheduler',
  'schedule',
  'operations',
  'web',
  'commands',
  'server',
  'demo',
]
const ABOVE_ALL = ['main.ts', 'cli.ts']
/** What an address or a name in the settings may be is RFC knowledge, which is written down once. */
const SETTINGS_MAY_READ = ['mail/addresses/address.ts', 'mail/addresses/sender.ts', 'mail/relays/ehlo-name.ts']
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

describe('the house', () => {
  test('every folder is one of the reading order', () => {
    expect(files.map(folderOf).filter((folder) => !FOLDERS.includes(folder))).toEqual([])
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

  test('packages stand where the house puts them', () => {
    expect(filesWith(/from 'hono/, []).filter((file) => folderOf(file) !== 'web')).toEqual([])
    expect(filesWith(/from '@electric-sql/, []).filter((file) => !/^db\/pglite\//.test(file))).toEqual([])
    expect(filesWith(/from 'pg-boss/, ['db/jobs.ts'])).toEqual([])
    const commander = filesWith(/from 'commander'/, ['main.ts'])
    expect(commander.filter((file) => folderOf(file) !== 'commands')).toEqual(['demo/command.ts'])
  })

  test('no file is a drawer for everything', () => {
    expect(files.filter((file) => /(^|\/)(types|utils?|lib|helpers?|index|misc|common)\.ts$/.test(file))).toEqual([])
  })
})
