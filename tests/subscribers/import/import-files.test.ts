import { describe, expect, test } from 'vitest'
import { openTables, utf16be } from './tables.ts'

const readTable = openTables()
const cellsOf = async (octets: string | Buffer) => (await readTable(octets))?.rows.map(({ cells }) => cells.join('|'))
/** The lines that rows begin in, those marked that are not believed. */
const linesOf = async (text: string) =>
  (await readTable(text))?.rows.map(({ line, problem }) => (problem === null ? `${line}` : `${line}!`))

describe('line ends', () => {
  test.each([
    ['CRLF in the header, LF below', 'email,name\r\na@x.example,Anna\nb@x.example,Bo\n'],
    ['LF in the header, CRLF below', 'email,name\na@x.example,Anna\r\nb@x.example,Bo\r\n'],
    ['CR alone', 'email,name\ra@x.example,Anna\rb@x.example,Bo\r'],
    ['each in its turn', 'email,name\ra@x.example,Anna\nb@x.example,Bo\r\n'],
    ['none at the end', 'email,name\r\na@x.example,Anna\rb@x.example,Bo'],
    ['CRLF written as CRCRLF', 'email,name\r\r\na@x.example,Anna\r\r\nb@x.example,Bo\r\r\n'],
    [
      'blank lines and lines of separators between',
      '\n\r\nemail,name\n \n,\na@x.example,Anna\r\r\u00a0\nb@x.example,Bo\n\x1a',
    ],
  ])('may be %s', async (_, text) => {
    expect(await cellsOf(text)).toEqual(['a@x.example|Anna', 'b@x.example|Bo'])
  })

  test('count as an editor counts them, within cells too', async () => {
    expect(await linesOf('email,name\r\n\r\na@x.example,Anna\rb@x.example,"Bo\r\nB.\r\rO."\nc@x.example,C\n')).toEqual([
      '3',
      '4',
      '8',
    ])
  })

  test('may be anywhere, also between the pieces in which a file is read', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => `reader${index}@x.example,R${index}`)
    const ends = ['\r\n', '\n', '\r']
    const text = `email,name\r\n${rows.map((row, index) => `${row}${ends[index % 3]}`).join('')}`
    expect(await cellsOf(text)).toEqual(rows.map((row) => row.replace(',', '|')))
  })
})

describe('encodings', () => {
  const TEXT = 'email;name\r\na@x.example;Jürgen Groß\r\nb@x.example;Zoë Ångström\r\n'
  const READ = ['a@x.example|Jürgen Groß', 'b@x.example|Zoë Ångström']
  const octets = (mark: readonly number[], body: Buffer) => Buffer.concat([Buffer.from(mark), body])

  test.each([
    ['UTF-8', Buffer.from(TEXT)],
    ['UTF-8 with a byte order mark', octets([0xef, 0xbb, 0xbf], Buffer.from(TEXT))],
    ['Windows-1252', Buffer.from(TEXT, 'latin1')],
    ['UTF-16, least octet first, with a mark', octets([0xff, 0xfe], Buffer.from(TEXT, 'utf16le'))],
    ['UTF-16, least octet first, without one', Buffer.from(TEXT, 'utf16le')],
    ['UTF-16, most first, with a mark', octets([0xfe, 0xff], utf16be(TEXT))],
    ['UTF-16, most first, without one', utf16be(TEXT)],
  ])('may be %s', async (_, body) => {
    expect(await cellsOf(body)).toEqual(READ)
  })

  test.each([
    ['Windows-1250', 'email,name\na@x.example,Paweł Żak\nb@x.example,Jiří Dvořák\n', 'windows-1250'],
    ['Windows-1250', 'email,name\na@x.example,Grażyna Wiśniewska\n', 'windows-1250'],
    ['Mac Roman', 'email,name\ra@x.example,Jürgen Groß\rb@x.example,Käthe Höß\r', 'macintosh'],
    ['Windows-1251', 'email,name\na@x.example,Иван Петров\nb@x.example,Анна Жукова\n', 'windows-1251'],
    ['IBM 850', 'email;name\r\na@x.example;Jürgen Groß\r\nb@x.example;Käthe Möller\r\n', 'ibm850'],
    ['Windows-1252', 'email,name\na@x.example,O’Brien\nb@x.example,D’Angelo\n', 'windows-1252'],
    ['Windows-1252', 'email,name\na@x.example,Zoë O´Brien – „Zoe“\nb@x.example,Señor Müller 5 €\n', 'windows-1252'],
  ])('may be %s: %s', async (_, text, encoding) => {
    const read = text
      .trim()
      .split(/[\r\n]+/)
      .slice(1)
      .map((row) => row.replace(/[,;]/, '|'))
    expect(await cellsOf(encode(text, encoding))).toEqual(read)
  })

  test('may be two in one file, where lists of two programs were put together', async () => {
    const body = Buffer.concat([
      Buffer.from('email,name\na@x.example,Jürgen\n'),
      Buffer.from('b@x.example,Käthe\n', 'latin1'),
    ])
    expect(await cellsOf(body)).toEqual(['a@x.example|Jürgen', 'b@x.example|Käthe'])
  })

  test.each([
    ['an Excel file', 'PK\x03\x04\x14\x00\x06\x00'],
    ['an old Excel file', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
    ['gzip', '\x1f\x8b\x08\x00'],
    ['a PDF', '%PDF-1.7\n'],
  ])('are not read into %s', async (_, start) => {
    const format = { code: 'import.format', todo: expect.stringMatching(/CSV UTF-8/) }
    await expect(readTable(Buffer.from(`${start}email,name`, 'latin1'))).rejects.toMatchObject(format)
  })
})

describe('separators', () => {
  test.each([
    ['a comma', 'email,name\na@x.example,"Anna; B|C"\n'],
    ['a semicolon', 'email;name\na@x.example;Anna; B|C\n'.replace('; B', ', B')],
    ['a tab', 'email\tname\na@x.example\tAnna; B|C\n'],
    ['a bar', 'email|name\na@x.example|Anna; B,C\n'],
    ['what sep= says', 'sep=;\nemail;name\na@x.example;Anna\n'],
    ['what sep= says, after a mark and in quotation marks', '\uFEFF"sep=|"\r\nemail|name\r\na@x.example|Anna\r\n'],
    ['what SEP = says, a tab', 'SEP =\t\nemail\tname\na@x.example\tAnna\n'],
    ['what sep= says, an unusual one', 'sep=^\nemail^name\na@x.example^Anna\n'],
    ['another than sep= says', 'sep=,\n\nemail;name\na@x.example;Anna\n'],
    ['one that other names of columns contain', '"Name, Vorname";E-Mail;"a;b"\nAnna;a@x.example;\n'],
  ])('may be %s', async (_, text) => {
    const table = await readTable(text)
    expect(table?.rows).toHaveLength(1)
    expect(table?.rows[0]?.problem).toBeNull()
    expect(table?.rows[0]?.cells).toContain('a@x.example')
    expect(table?.names.length).toBeGreaterThan(1)
  })

  test('lines before the first row keep their numbers', async () => {
    expect(await linesOf('sep=;\r\n\r\nemail;"name\nof reader"\r\na@x.example;Anna\r\n')).toEqual(['5'])
  })
})

describe('quotation marks', () => {
  test.each([
    ['around cells', '"email","name"\n"a@x.example","Anna, B."\n', 'Anna, B.'],
    ['doubled', 'email,name\na@x.example,"Anna ""die Große"" B."\n', 'Anna "die Große" B.'],
    ['with spaces around', 'email, name\na@x.example, "Anna, B." \n', 'Anna, B.'],
    ['in the middle of a cell', 'email,name\na@x.example,Anna "die Große" B.\n', 'Anna "die Große" B.'],
    ['in the middle of a quoted cell', 'email,name\na@x.example,"Anna "die Große" B."\n', 'Anna "die Große" B.'],
    ['at the end of a cell', 'email,name\na@x.example,Anna B."\n', 'Anna B."'],
    ['around a line break', 'email,name\r\na@x.example,"Anna\nB."\r\n', 'Anna\nB.'],
    ['around line breaks of other kinds', 'email,name\na@x.example,"Anna\r\nB.\r"\n', 'Anna\r\nB.'],
    ['around an empty line', 'email,name\na@x.example,"Anna\n\nB."\n', 'Anna\n\nB.'],
  ])('may be %s', async (_, text, name) => {
    const rows = (await readTable(text))?.rows
    expect(rows).toEqual([{ line: 2, cells: ['a@x.example', name], problem: null }])
  })

  const READERS = ['a@x.example', 'b@x.example', 'c@x.example', 'd@x.example']
  test.each([
    [
      'closed by the mark that opens another',
      'email,name\na@x.example,"Anna\nb@x.example,Bo\nc@x.example,"Clara\nd@x.example,Dora\n',
      ['2!', '3', '4!', '5'],
    ],
    [
      'closed at the end of a later row',
      'email,name\na@x.example,"Anna\nb@x.example,Bo\nc@x.example,Clara"\nd@x.example,Dora\n',
      ['2!', '3', '4', '5'],
    ],
    [
      'closed before the separator of a later row',
      'name,email\n"Anna,a@x.example\nBo,b@x.example\nClara",c@x.example\nDora,d@x.example\n',
      ['2!', '3', '4', '5'],
    ],
    [
      'closed in the next row',
      'email,name\na@x.example,"Anna\nb@x.example,Bo"\nc@x.example,Clara\nd@x.example,Dora\n',
      ['2!', '3', '4', '5'],
    ],
    [
      'never closed',
      'email,name\na@x.example,Anna\nb@x.example,Bo\nc@x.example,"Clara\nd@x.example,Dora\n',
      ['2', '3', '4!', '5'],
    ],
    [
      'never closed in the last row',
      'email,name\na@x.example,Anna\nb@x.example,Bo\nc@x.example,Clara\nd@x.example,"Dora',
      ['2', '3', '4', '5!'],
    ],
    [
      'before the address',
      'email,name\n"a@x.example,Anna\nb@x.example,Bo\n"c@x.example,Clara\nd@x.example,Dora\n',
      ['2!', '3', '4!', '5'],
    ],
    [
      'in a list of addresses alone',
      'email\na@x.example\n"b@x.example\nc@x.example"\nd@x.example\n',
      ['2', '3!', '4', '5'],
    ],
    [
      'in rows that end differently',
      'email;name;hour\r\na@x.example;"Anna;7\rb@x.example;Bo;7\nc@x.example;Clara";7\r\nd@x.example;Dora;7',
      ['2!', '3', '4', '5'],
    ],
    [
      'in rows with cells left out',
      'email,name,hour,topics\na@x.example,"Anna\nb@x.example,Bo\nc@x.example,Clara"\nd@x.example\n',
      ['2!', '3', '4', '5'],
    ],
    [
      'around a separator',
      'email,name,hour\na@x.example,"Anna,7,"\nb@x.example,"Bo","7\nc@x.example,Clara,"7"\nd@x.example,Dora,7\n',
      ['2', '3!', '4', '5'],
    ],
  ])('that are stray lose nobody: %s', async (_, text, lines) => {
    expect(await linesOf(text)).toEqual(lines)
    const rows = (await readTable(text))?.rows ?? []
    // Each reader is in a row of their own.
    expect(rows.map(({ cells }) => READERS.filter((address) => cells.join().includes(address)))).toEqual(
      READERS.map((address) => [address]),
    )
  })

  test('that close a cell some lines later are believed where no line is a reader’s row', async () => {
    const notes = '"Angemeldet über das Formular,\nbestätigt von a@x.example, am 3.4.2024\na@x.example, 192.0.2.7"'
    const rows = (await readTable(`email,name,evidence\na@x.example,Anna,${notes}\nb@x.example,Bo,\n`))?.rows
    expect(rows?.map(({ line, problem }) => [line, problem])).toEqual([
      [2, null],
      [5, null],
    ])
  })

  test('that make a row unclear make it a flawed one', async () => {
    const rows = (await readTable('email,name,hour\na@x.example,"Anna "B", C",7\nb@x.example,"Bo "B.",7\n'))?.rows
    expect(rows).toEqual([
      { line: 2, cells: ['a@x.example', 'Anna "B', 'C"', '7'], problem: expect.stringMatching(/more cells/) },
      { line: 3, cells: ['b@x.example', 'Bo "B.', '7'], problem: null },
    ])
  })
})

describe('rows', () => {
  test('with fewer cells than columns, or empty ones too many, are rows; with more that say something they are flawed', async () => {
    const text = 'email,name,hour\na@x.example\nb@x.example,Bo,7,,\nc@x.example,Clara,7,,Sport\n'
    expect(await linesOf(text)).toEqual(['2', '3', '4!'])
  })

  test('that are too long are cut, and take no memory', async () => {
    const piece = Buffer.alloc(1_000_000, 'x')
    const before = process.memoryUsage().rss
    const long = Array.from({ length: 120 }, () => piece)
    const rows = (await readTable('email,name\na@x.example,"Anna', ...long, '"\rb@x.example,Bo\n'))?.rows
    expect(rows?.map(({ line, problem }) => `${line} ${problem ?? ''}`)).toEqual([
      expect.stringMatching(/^2 .*too long/),
      '3 ',
    ])
    expect(rows?.[0]?.cells.join().length).toBeLessThan(2_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })

  test('of a file full of stray quotation marks take time that grows with the file, not with its square', async () => {
    const text = `email,name\n${'a@x.example,"Anna\n'.repeat(50_000)}${'"","\n'.repeat(50_000)}`
    expect((await readTable(text))?.rows.length).toBeGreaterThan(50_000)
  })
})

describe('a file without a header', () => {
  test.each([
    ['nothing', ''],
    ['blank lines', '\n\r\n ,\n'],
    ['rows alone', 'a@x.example,Anna\nb@x.example,Bo\n'],
    ['a separator and rows', 'sep=;\na@x.example;Anna\n'],
    ['no column of addresses', 'name,hour\nAnna,7\n'],
    ['two columns of addresses', 'E-Mail,email\na@x.example,a@x.example\n'],
    ['zeros', Buffer.alloc(100_000)],
    ['octets of a picture', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"\x80\xff\xfe', 'latin1')],
    ['one line without an end', 'x'.repeat(5_000_000)],
    ['a mark and no more', '\uFEFF'],
  ])('is no table: %s', async (_, body) => {
    expect(await readTable(body)).toBeNull()
  })

  test('has no rows where there is only a header', async () => {
    expect(await cellsOf('email,name')).toEqual([])
  })
})

describe('names of columns', () => {
  test.each([
    'email',
    ' E-Mail ',
    '"EMAIL"',
    'e_mail',
    'Email Address',
    'E-Mail-Adresse',
    'EMAIL_ADDRESS',
    '\u200bemail\u00a0',
    'E\u00adMail',
    'Mail',
    'Adresse e-mail',
    'Correo electrónico',
    'subscriber_email',
  ])('of the address may be %j', async (name) => {
    expect(await cellsOf(`id,${name},x\n1,a@x.example,\n`)).toEqual(['1|a@x.example|'])
  })
})

/** The octets of a text in an encoding of one octet a character. */
function encode(text: string, encoding: string): Buffer {
  if (encoding === 'ibm850') return Buffer.from([...text].map((one) => IBM850[one] ?? one.charCodeAt(0)))
  const upper = new TextDecoder(encoding).decode(Buffer.from(Array.from({ length: 128 }, (_, at) => at + 128)))
  return Buffer.from([...text].map((one) => (one > '\x7f' ? 128 + upper.indexOf(one) : one.charCodeAt(0))))
}
const IBM850: Readonly<Record<string, number>> = { ü: 0x81, ä: 0x84, ö: 0x94, ß: 0xe1 }
