import { type Command, CommanderError } from 'commander'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { attachSource } from '../../src/articles/sources/attach.ts'
import { readConfig } from '../../src/config/config.ts'
import { CourantError } from '../../src/errors.ts'
import { makeProgram } from '../../src/main.ts'
import { handClock } from '../support/clock.ts'
import { contextOf, courantOn, MUTE } from '../support/command-line.ts'
import { openTestDatabase } from '../support/database.ts'
import { planByHand } from '../support/planned.ts'
import { makeWorld, NOON } from '../support/world.ts'

const database = await openTestDatabase()
const config = readConfig({ SECRET: 'x'.repeat(32), SMTP_URL: 'smtp://127.0.0.1:1' })
const desk = { db: database.db, config, clock: handClock(NOON) }
const courant = courantOn(desk)

beforeAll(async () => {
  const { db } = database
  const world = await makeWorld(db, 'morgen')
  await world.addReaders(1)
  await world.addArticles(1)
  await planByHand(db, world)
  const url = 'https://feeds.example.org/morgen.xml'
  await attachSource(db, { url, newsletterId: world.newsletterId, backfillDays: 0, allowPrivate: false }, NOON)
  return database.close
})
afterEach(() => {
  process.exitCode = undefined
})

const LONG = 'x'.repeat(10_000)
const NUL = 'a\0b'
const NONSENSE = ['abc', '1.5', '-1', '0', '99999999999999999999', '', NUL, LONG]
const WORDS = NONSENSE.filter((value) => value !== NUL && value !== LONG)
const TEXTS = WORDS.filter((value) => value !== '')

/** What of this makes sense all the same: by option or argument, for all commands or for one. */
const SENSE: Readonly<Record<string, readonly string[]>> = {
  '--hour': ['0'],
  '--grace-hours': ['0'],
  '--backfill': ['0'],
  '--slug': ['abc', '-1', '0', '99999999999999999999'],
  '--name': TEXTS,
  'subscriber add --name': WORDS,
  ...Object.fromEntries(
    ['--imprint', '--intro', '--logo-alt', '--topics', '--user-agent'].map((name) => [name, WORDS]),
  ),
  '--username': WORDS,
  'suppression lift --reason': TEXTS,
  ...Object.fromEntries(['--evidence', '--key', '--out'].map((name) => [name, TEXTS])),
  // An empty text clears these.
  ...Object.fromEntries(
    ['--reply-to', '--headline-colour', '--logo-url', '--logo-dark-url'].map((name) => [name, ['']]),
  ),
  ...Object.fromEntries(['--logo-width', '--logo-height'].map((name) => [name, ['']])),
  // It says of any text whether it is an address.
  'subscriber check-address address': NONSENSE,
  'subscriber check-address more': NONSENSE,
}

/** What stands in the other places of a command. */
const RIGHT: Readonly<Record<string, string>> = {
  newsletter: 'morgen',
  slug: 'morgen',
  email: 'leser1@morgen.example',
  id: '1',
  source: '1',
  url: 'https://feeds.example.org/other.xml',
  file: '/nowhere/at/all',
  'file|url': '/nowhere/at/all',
  csv: '/nowhere/at/all.csv',
  '--slug': 'neu',
  '--name': 'Neu',
  '--to': 'leser1@morgen.example',
  '--since': '2026-05-04T07:00:00Z',
  '--until': '2026-05-04T08:00:00Z',
  '--reason': 'The relay was wrong.',
}

type Place = { readonly path: string; readonly name: string; readonly words: (value: string) => string[] }

/** Each option with a value and each argument of each command, and the words of a command line that gives it one. */
function placesOf(command: Command, path: readonly string[]): readonly Place[] {
  if (command.commands.length > 0) return command.commands.flatMap((child) => placesOf(child, [...path, child.name()]))
  const given = command.registeredArguments
  const needed = command.options.filter(({ mandatory }) => mandatory).map(({ long }) => long ?? '')
  const flags = command.options.some(({ long }) => long === '--yes') ? ['--yes'] : []
  const rest = (but: string) => needed.filter((long) => long !== but).flatMap((long) => [long, RIGHT[long] ?? ''])
  const all = given.filter(({ required }) => required).map((one) => RIGHT[one.name()] ?? '')
  const options = command.options
    .filter(({ required }) => required)
    .map((option): Place => {
      const long = option.long ?? ''
      return {
        path: path.join(' '),
        name: long,
        words: (value) => [...path, ...flags, ...rest(long), long, value, ...all],
      }
    })
  const places = given.map((one, at): Place => {
    const words = (value: string) => [
      ...path,
      ...flags,
      ...rest(''),
      '--',
      ...all.slice(0, at),
      value,
      ...all.slice(at + 1),
    ]
    return { path: path.join(' '), name: one.name(), words }
  })
  return [...options, ...places]
}

const program = await makeProgram(
  contextOf(
    { ...desk, db: null },
    () => {},
    () => {},
  ),
  [],
  MUTE,
)
const places = placesOf(program, [])

/** What the command line says is wrong, with its code; null where it took it. */
async function refusalOf(
  words: readonly string[],
): Promise<{ readonly code: string; readonly message: string } | null> {
  try {
    const { results } = await courant(...words)
    // A feed that cannot be read is a row, and the command fails when none can.
    if (process.exitCode !== 1) return null
    const [row] = results as readonly { readonly error: { readonly code: string; readonly message: string } }[]
    return row?.error ?? null
  } catch (error) {
    if (error instanceof CommanderError) return { code: 'usage', message: error.message }
    if (error instanceof CourantError) return { code: error.code, message: error.message }
    return { code: 'internal', message: String(error) }
  }
}

/** What an error may call the thing it is about, beside the option's or argument's own name. */
const THINGS = /newsletter|source|edition|article|subscribe|address|header|feed|file/i

describe('nonsense on the command line is refused with the name of what is wrong', () => {
  test('and every command is looked at', () => {
    expect(places.length).toBeGreaterThan(80)
    expect(new Set(places.map(({ path }) => path)).size).toBeGreaterThan(25)
  })

  test.each(places.map((place) => [`${place.path} ${place.name}`, place] as const))(
    '%s',
    async (key, { name, words }) => {
      const sense = SENSE[key] ?? SENSE[name] ?? []
      for (const value of NONSENSE.filter((one) => !sense.includes(one))) {
        const shown = `${key} ${JSON.stringify(value.slice(0, 30))}`
        const refusal = await refusalOf(words(value))
        expect(refusal, `${shown} was taken`).not.toBeNull()
        const { code = '', message = '' } = refusal ?? {}
        expect(code, `${shown}: ${message.slice(0, 300)}`).not.toBe('internal')
        const isNamed = message.includes(name) || (code !== 'usage' && THINGS.test(message))
        expect(isNamed, `${shown}: ${code} ${message.slice(0, 300)}`).toBe(true)
        expect(message.length, shown).toBeLessThan(600)
        expect(message, shown).not.toContain('\0')
      }
    },
  )
})
