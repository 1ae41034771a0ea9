import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { POOL_SIZES } from '../../src/db/pools.ts'
import { composeDigest } from '../../src/digest/compose/compose.ts'
import { composeConfirmation } from '../../src/digest/compose/confirmation-mail.ts'
import { RETENTION_DAYS } from '../../src/editions/retention/drop-partitions.ts'
import { articles, input, READER } from '../digest/sample.ts'
import { type Document, documentOf, documents, inlineCodesOf, ROOT } from './documents.ts'

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(ROOT, 'src', name), 'utf8'))
  .join('\n')
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8')
const isThere = (path: string) => existsSync(join(ROOT, path))

/** Paths of the repository that a page names between grave accents, `a.{b,c}` as both. */
function pathsIn(document: Document): readonly string[] {
  const first = /^(src|docs|templates|locales|tests|drizzle|bench|\.ci)\//
  const codes = inlineCodesOf(document).filter((code) => first.test(code) && !/[*<$ ]/.test(code))
  return codes.flatMap((code) => {
    const [, head = '', schedule = '', tail = ''] = /^(.*)\{(.*)\}(.*)$/.exec(code) ?? ['', code]
    return schedule === '' ? [code] : schedule.split(',').map((one) => head + one + tail)
  })
}

describe('the pages', () => {
  test('link to what is there', () => {
    const broken = documents.flatMap(({ name, text }) =>
      [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
        .map(([, target]) => target ?? '')
        .filter((target) => !/^[a-z]+:/.test(target) && !isThere(normalize(join(dirname(name), target))))
        .map((target) => `${name} → ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('name files that are there', () => {
    const missing = documents.flatMap((one) => pathsIn(one).filter((path) => !isThere(path)))
    expect(missing).toEqual([])
  })

  test('are each linked from the README or from a page that is', () => {
    const linked = documents.flatMap(({ name, text }) =>
      [...text.matchAll(/\]\(([^)#]+\.md)/g)].map(([, target]) => normalize(join(dirname(name), target ?? ''))),
    )
    const alone = documents.map(({ name }) => name).filter((name) => name !== 'README.md' && !linked.includes(name))
    expect(alone).toEqual([])
  })
})

describe('the environment', () => {
  const taken = [...read('src/config/config.ts').matchAll(/^ {2}([A-Z_]+): takes\(/gm)]
    .map(([, name]) => name ?? '')
    .toSorted()

  test('is what .env.example explains', () => {
    const explained = [...read('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name ?? '')
    expect(taken.length).toBeGreaterThan(10)
    expect(explained.toSorted()).toEqual(taken)
  })

  test('is what docs/operating.md names, and no page names more', () => {
    const named = (document: Document) =>
      inlineCodesOf(document).flatMap((code) => /^\$?([A-Z]{2,}(?:_[A-Z]+)+|[A-Z]{4,})(?:=.*)?$/.exec(code)?.[1] ?? [])
    // The suite's own, and signals.
    const others = /^(COURANT_|SIG)/
    const known = new Set(taken)
    expect(documents.flatMap(named).filter((name) => !known.has(name) && !others.test(name))).toEqual([])
    const operating = new Set(named(documentOf('docs/operating.md')))
    expect(taken.filter((name) => !operating.has(name))).toEqual([])
  })
})

describe('docs/architecture.md', () => {
  test('names functions that stand, exported, in the file beside them', () => {
    const rows = [...documentOf('docs/architecture.md').text.matchAll(/\| `(\w+)` \| `(src\/[\w/-]+\.ts)` \|/g)]
    const missing = rows
      .filter(([, name, file = '']) => !new RegExp(`export (async )?function ${name}\\b`).test(read(file)))
      .map(([row]) => row)
    expect(rows.length).toBeGreaterThan(8)
    expect(missing).toEqual([])
  })
})

describe('docs/reading-order.md', () => {
  const files = [...documentOf('docs/reading-order.md').text.matchAll(/^\d+\. `(src\/[\w/-]+\.ts)`/gm)].map(
    ([, file]) => file ?? '',
  )

  test('names ten files that can be read in ten minutes', () => {
    expect(files).toHaveLength(10)
    expect(files.reduce((lines, file) => lines + read(file).split('\n').length, 0)).toBeLessThan(1_250)
  })

  test('leads forwards only: no file imports one that is read later', () => {
    const back = files.flatMap((file, at) => {
      const imported = [...read(file).matchAll(/from '(\.[^']+)'/g)].map(([, path]) => join(dirname(file), path ?? ''))
      return files
        .slice(at + 1)
        .filter((later) => imported.includes(later))
        .map((later) => `${file} → ${later}`)
    })
    expect(back).toEqual([])
  })
})

describe('docs/operating.md', () => {
  test('names events that are logged', () => {
    const events = inlineCodesOf(documentOf('docs/operating.md')).filter((code) => /^[a-z]+\.[a-z]+$/.test(code))
    expect(events.length).toBeGreaterThan(5)
    expect(events.filter((event) => !sources.includes(`'${event}')`))).toEqual([])
  })

  test('says how many connections each pool takes, and their sums', () => {
    const { text } = documentOf('docs/operating.md')
    const said = [...text.matchAll(/^\| (?:every server|the role \w+) \| (\w[\w-]*).*\| (\d+) \|$/gm)]
    const { shared, pages, sending, planning, collecting } = POOL_SIZES
    expect(said.map(([, name, count]) => [name, Number(count)])).toEqual([
      ['wake-ups', shared.connections],
      ['pages', pages.connections],
      ['sending', sending.connections],
      ['planning', planning.connections],
      ['collecting', collecting.connections],
    ])
    const web = shared.connections + pages.connections
    const worker = shared.connections + sending.connections + planning.connections + collecting.connections
    const all = web + worker - shared.connections
    expect(text.replaceAll('\n', ' ')).toContain(
      `${all} for a server with all roles, ${web} for one with web alone, ${shared.connections} for a scheduler and ${worker} for a worker`,
    )
    expect(text).toContain(`take ${2 * web + 2 * shared.connections + 4 * worker}`)
    expect(text.replaceAll('\n', ' ')).toContain(`free within ${pages.waitMs / 1000} s fails`)
  })
})

describe('how long is kept who got what', () => {
  test('is said alike by the pages for operators, lawyers and readers', () => {
    for (const page of ['docs/operating.md', 'docs/law.md', 'templates/pages/privacy.en.liquid'])
      expect(read(page), page).toContain(`over for ${RETENTION_DAYS} days`)
    expect(read('templates/pages/privacy.de.liquid')).toContain(`seit ${RETENTION_DAYS} Tagen`)
  })
})

describe('docs/templates.md', () => {
  const { text } = documentOf('docs/templates.md')
  const shows = (name: string) => new RegExp(`\`(?:[^\`]*[^\`\\w])?${name}\\b`).test(text)

  test('names every variable of a digest and its entries', () => {
    const { input: _, ...view } = composeDigest(input(articles(14)))
    const wanted = [
      ...Object.keys(view),
      ...Object.keys(view.lead ?? {}),
      ...Object.keys(view.words),
      ...Object.keys(READER),
    ]
    expect(wanted.filter((name) => !shows(name))).toEqual([])
  })

  test('names every variable of a confirmation', () => {
    const view = composeConfirmation({
      kind: 'confirmation',
      locale: 'de',
      branding: { accent: '#1a5276', headlineColour: null, headlineFont: 'serif' },
      asked: [{ name: 'Morgen', imprint: 'Verlag', frequency: 'daily', weekday: null, hour: 7, zone: 'Europe/Berlin' }],
      address: 'eva@example.com',
      confirmUrl: 'https://news.example.org/confirm/x',
    })
    const wanted = [...Object.keys(view), ...Object.keys(view.asked[0] ?? {}), ...Object.keys(view.words)]
    expect(wanted.filter((name) => !shows(name))).toEqual([])
  })

  test('names every page and every filter of pages', () => {
    const pages = readdirSync(join(ROOT, 'templates/pages')).map((name) => name.replace(/\.(de|en)?\.?liquid$/, ''))
    expect(pages.filter((name) => !shows(name.replace('.', '\\.')))).toEqual([])
    const filters = [...read('src/web/page-templates.ts').matchAll(/registerFilter\('(\w+)'/g)].map(
      ([, name]) => name ?? '',
    )
    expect(filters.filter((name) => !shows(name))).toEqual([])
  })
})
