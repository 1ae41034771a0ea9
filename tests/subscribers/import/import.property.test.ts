import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CourantError } from '../../../src/errors.ts'
import { SeenNames } from '../../../src/subscribers/import/seen-addresses.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { freshTagblatt } from '../fixtures.ts'
import { openImportFolder } from './importing.ts'
import { openTables, utf16be } from './tables.ts'

const { db } = await freshDatabase()
await freshTagblatt(db)
const folder = openImportFolder()
const readTable = openTables()

const lineEnd = fc.constantFrom('\r\n', '\n', '\r')
const delimiter = fc.constantFrom(',', ';', '\t', '|')
const address = (index: number) => `reader${index}@x.example`

describe('any table', () => {
  /** A cell without an address, which may have everything in it that is hard to write. */
  const cell = fc
    .array(
      fc.constantFrom(
        'Jürgen',
        'Groß',
        'Zoë',
        'A',
        ' ',
        ',',
        ';',
        '\t',
        '|',
        '"',
        '""',
        '\n',
        '\r\n',
        '\r',
        'sep=',
        '🙂',
        '日本',
      ),
      {
        maxLength: 6,
      },
    )
    .map((parts) => parts.join(''))
  const written = fc.record({
    delimiter,
    rows: fc.array(fc.record({ cells: fc.tuple(cell, cell), quoted: fc.boolean(), end: lineEnd }), {
      minLength: 1,
      maxLength: 8,
    }),
    headerEnd: lineEnd,
    separatorLine: fc.boolean(),
    blank: fc.constantFrom('', '\n', '\r\n\r\n'),
    encoding: fc.constantFrom(
      'utf-8',
      'utf-8 marked',
      'utf-16le',
      'utf-16le marked',
      'utf-16be',
      'utf-16be marked',
      'windows-1252',
    ),
  })
  const NAMES = ['name', 'email', 'note']

  test('comes back with the same rows, however it is separated, quoted, ended and encoded', async () => {
    await fc.assert(
      fc.asyncProperty(written, async (style) => {
        const isWestern = style.encoding === 'windows-1252'
        const rows = style.rows.map(({ cells: [name, note] }, index) =>
          [name, address(index), note].map((text) => (isWestern ? text.replace(/[^\0-\xff]/gu, '') : text)),
        )
        const table = await readTable(encode(serialise(style, rows), style.encoding))
        expect(table?.rows.map(({ cells }) => cells)).toEqual(rows.map((row) => row.map((text) => text.trim())))
        expect(table?.rows.every(({ problem }) => problem === null)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  function serialise(
    style: typeof written extends fc.Arbitrary<infer Style> ? Style : never,
    rows: readonly string[][],
  ): string {
    const quote = (text: string, always: boolean) =>
      always || /["\r\n\s]/.test(text) || text.includes(style.delimiter) ? `"${text.replaceAll('"', '""')}"` : text
    const lines = rows.map((row, index) => {
      const { quoted, end } = style.rows[index] ?? { quoted: false, end: '\n' }
      return row.map((text) => quote(text, quoted)).join(style.delimiter) + end
    })
    const separator = style.separatorLine ? `sep=${style.delimiter}${style.headerEnd}` : ''
    return `${separator}${style.blank}${NAMES.join(style.delimiter)}${style.headerEnd}${lines.join(style.blank)}`
  }
})

describe('any text that is regular CSV', () => {
  test('is read as csv-parse reads it', async () => {
    // A line that might be another reader's row is none of a cell.
    const cell = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'ß', ' ', ',', '"', '\n'), maxLength: 6 }),
      fc.string({ unit: fc.constantFrom('a', 'ß', ' ', ',', '"', '@'), maxLength: 6 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), async (pairs) => {
        const rows = pairs.map(([one, other], index) => [address(index), one, other])
        const text = rows.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(',')).join('\n')
        const expected: string[][] = parse(text, { trim: true })
        const table = await readTable(`email,name,note\n${text}\n`)
        expect(table?.rows.map(({ cells }) => cells)).toEqual(expected.map((row) => row.map((one) => one.trim())))
      }),
      { numRuns: 200 },
    )
  })
})

describe('stray quotation marks', () => {
  test('lose nobody wherever they are, and no row that is believed has two readers', async () => {
    const marks = fc.array(fc.record({ at: fc.nat(200), text: fc.constantFrom('"', '""', '"""') }), { maxLength: 8 })
    const order = fc.constantFrom(['email', 'name'], ['name', 'email'], ['email', 'name', 'x'], ['x', 'email', 'name'])
    await fc.assert(
      fc.asyncProperty(marks, order, fc.array(lineEnd, { minLength: 7, maxLength: 7 }), async (strays, names, ends) => {
        const row = (index: number) =>
          names.map((name) => (name === 'email' ? address(index) : name === 'name' ? `R ${index}` : ''))
        const rows = ends.map((end, index) => `${row(index).join()}${end}`).join('')
        const body = strays.reduce((text, { at, text: mark }) => text.slice(0, at) + mark + text.slice(at), rows)
        const found = (await readTable(`${names.join()}\n${body}`))?.rows ?? []
        const readersIn = (cells: readonly string[]) =>
          ends.map((_, index) => address(index)).filter((one) => cells.join().replaceAll('"', '').includes(one))
        expect(new Set(found.flatMap(({ cells }) => readersIn(cells))).size).toBe(ends.length)
        expect(found.filter(({ problem, cells }) => problem === null && readersIn(cells).length > 1)).toEqual([])
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('names that came already', () => {
  test('are known as a set would know them', () => {
    const seen = new SeenNames()
    const names = Array.from({ length: 30_000 }, (_, index) => `${index % 20_000} reader@x.example`)
    const known = new Set<string>()
    for (const name of names) {
      expect(seen.add(name)).toBe(!known.has(name))
      known.add(name)
    }
    expect(seen.count).toBe(20_000)
  })
})

describe('any octets', () => {
  const fragment = fc.oneof(
    fc.constantFrom(
      'email',
      'name',
      'status',
      'confirmedAt,evidence',
      ',',
      ';',
      '\t',
      '"',
      '\r',
      '\n',
      '\r\n',
      'sep=;\n',
      'active',
      'bounced',
    ),
    fc.nat(3).map(address),
    fc.constantFrom('\xff\xfe', '\xfe\xff', '\xef\xbb\xbf', '\0', '\xfc', '\xc3\xbc', '2024-01-01,card', '\u00a0'),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  const octets = fc
    .tuple(
      fc.constantFrom('', 'email,name\n', '\xff\xfe', 'sep=;\r\nemail;name\r\n'),
      fc.array(fragment, { maxLength: 40 }),
    )
    .map(([start, parts]) => Buffer.from(start + parts.join(''), 'latin1'))

  test('are read or refused by an error that says why', async () => {
    await fc.assert(
      fc.asyncProperty(octets, async (body) => {
        await readTable(body).catch(orCourantError)
      }),
      { numRuns: 2_000 },
    )
  })

  test('are imported so that the counts add up and each reject is kept with its line and reason, or refused', async () => {
    await fc.assert(
      fc.asyncProperty(octets, async (body) => {
        const result = await folder.importText(db, body).catch(orCourantError)
        expect(result?.rejected ?? 0).toBeGreaterThanOrEqual(result?.rejectsFile ? 1 : 0)
        if (!result?.rejectsFile) return
        const text = readFileSync(result.rejectsFile, 'utf8')
        const delimiter = text.charAt('line'.length)
        const [header, ...rejects]: string[][] = parse(text, { delimiter, relax_column_count: true })
        expect(header?.slice(0, 2)).toEqual(['line', 'reason'])
        expect(rejects).toHaveLength(result.rejected)
        for (const [line, reason] of rejects) {
          expect(line).toMatch(/^[1-9]\d*$/)
          expect(reason).toMatch(/\.$/)
        }
      }),
      { numRuns: 60 },
    )
  })
})

function orCourantError(error: unknown): null {
  if (error instanceof CourantError) return null
  throw error
}

function encode(text: string, encoding: string): Buffer {
  const mark = encoding.endsWith('marked') ? '\uFEFF' : ''
  if (encoding.startsWith('utf-16le')) return Buffer.from(mark + text, 'utf16le')
  if (encoding.startsWith('utf-16be')) return utf16be(mark + text)
  return encoding === 'windows-1252' ? Buffer.from(text, 'latin1') : Buffer.from(mark + text, 'utf8')
}
