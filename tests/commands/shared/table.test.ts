import { describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { sayCount, sayInstant, sayRelative } from '../../../src/commands/shared/say-time.ts'
import { formatTable } from '../../../src/commands/shared/table.ts'

const COLUMNS = [{ heading: 'id', align: 'right' }, { heading: 'name' }, { heading: 'state' }] as const

describe('a table', () => {
  test('has headings, aligns its columns and leaves no blanks at the end of a line', () => {
    const table = formatTable(COLUMNS, [
      ['7', 'Der Morgen', 'active'],
      ['1200', 'Abend', ''],
    ])
    expect(table).toBe(['  ID  NAME        STATE', '   7  Der Morgen  active', '1200  Abend'].join('\n'))
  })

  test('counts wide characters as two columns and combining ones as none', () => {
    const table = formatTable(
      [{ heading: 'a' }, { heading: 'b' }],
      [
        ['新聞', 'x'],
        ['e\u0301', 'y'],
      ],
    )
    expect(table).toBe(['A     B', '新聞  x', 'e\u0301     y'].join('\n'))
  })

  test('fits a terminal: its widest column is cut, and ends in an ellipsis', () => {
    const table = formatTable(COLUMNS, [['7', 'A name that is far too long for this terminal', 'active']], 30)
    const lines = table.split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(30)
    expect(lines[1]).toContain('…')
    expect(lines[1]).toContain('active')
  })

  test('keeps a cell on one line, whatever is in it', () => {
    expect(formatTable([{ heading: 'a' }], [['one\ntwo\u001b[31m']]).split('\n')).toHaveLength(2)
  })
})

describe('what is said at a terminal', () => {
  const now = Temporal.Instant.from('2026-05-04T12:00:00Z')

  test('is local time with its zone', () => {
    expect(sayInstant(now, 'Europe/Berlin')).toBe('2026-05-04 14:00 Europe/Berlin')
  })

  test.each([
    ['2026-05-04T12:00:20Z', 'now'],
    ['2026-05-04T12:05:00Z', 'in 5 minutes'],
    ['2026-05-04T10:00:00Z', '2 hours ago'],
    ['2026-05-03T11:00:00Z', 'yesterday'],
    ['2026-06-04T11:00:00Z', null],
  ])('%s is %s', (at, said) => {
    expect(sayRelative(Temporal.Instant.from(at), now)).toBe(said)
  })

  test('is one article and twelve thousand articles', () => {
    expect([sayCount(1, 'article'), sayCount(12_000, 'article'), sayCount(2, 'entry', 'entries')]).toEqual([
      '1 article',
      '12,000 articles',
      '2 entries',
    ])
  })
})
