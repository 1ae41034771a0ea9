import { CourantError } from '../../errors.ts'

type Headers = Readonly<Record<string, string>>

const MOST_HEADERS = 20
const LONGEST_VALUE = 4_000
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/
/** What every fetch says itself, and what belongs to the connection. */
const OWN = new Set([
  ...['user-agent', 'accept', 'accept-encoding', 'if-none-match', 'if-modified-since', 'host', 'connection'],
  ...['content-length', 'transfer-encoding', 'keep-alive', 'upgrade', 'te', 'trailer', 'expect', 'proxy-authorization'],
])

/**
 * Adds headers written as `Name: value` to those there are, each in the place of the one with its name; one without a
 * value is taken away. Names in lower case; null when none is left.
 *
 * @throws CourantError `source.invalid`; it never repeats a value, which may be a secret.
 */
export function changeHeaders(before: Headers, lines: readonly string[]): Record<string, string> | null {
  const headers = new Map(Object.entries(before))
  for (const line of lines) {
    const { name, value } = readHeader(line)
    if (value === '') headers.delete(name)
    else headers.set(name, value)
  }
  if (headers.size > MOST_HEADERS) throw invalid(`A source takes at most ${MOST_HEADERS} headers.`)
  return headers.size === 0 ? null : Object.fromEntries(headers)
}

function readHeader(line: string): { name: string; value: string } {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase()
  const value = line.slice(colon + 1).trim()
  if (!TOKEN.test(name)) throw invalid('It is written as Name: value.')
  if (OWN.has(name))
    throw invalid(`Courant says ${name} itself.${name === 'user-agent' ? ' For that there is --user-agent.' : ''}`)
  if (value.length > LONGEST_VALUE || /[^\x20-\x7e\t]/.test(value))
    throw invalid(`The value of ${name} takes at most ${LONGEST_VALUE} characters of plain ASCII.`)
  return { name, value }
}

const invalid = (why: string) =>
  new CourantError('source.invalid', {
    what: 'A header is wrong.',
    why,
    todo: "Give it as --header 'Name: value'; without a value it is taken away.",
  })
