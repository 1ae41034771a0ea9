import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { makeProgram } from '../../src/main.ts'
import { OPERATIONS } from '../../src/operations/registry.ts'
import { RIGHTS, ROLE_RIGHTS } from '../../src/operations/rights.ts'
import { deskOf } from '../commands/commanding.ts'
import { contextOf, MUTE } from '../support/command-line.ts'
import { freshDatabase } from '../support/fresh.ts'

const { db } = await freshDatabase()

/** Commands that are no operation, and why. */
const NO_OPERATIONS: Readonly<Record<string, string>> = {
  serve: 'runs a process that performs operations for others',
  demo: 'sets up a database, a relay and newspapers of its own, and performs digest.send',
  migrate: 'makes the tables that operations work on',
}

/** Operations that no command is named for, and the command that performs each. */
const PERFORMED_BY: Readonly<Record<string, string>> = {
  'newsletter.affected': 'newsletter delete',
  'edition.affected': 'edition cancel',
  'suppression.affected': 'suppression lift',
  'source.release': 'source set',
  'digest.template': 'digest preview',
  'digest.dry-run': 'digest send',
}

const COMMANDS = resolve(import.meta.dirname, '../../src/commands')
const commandSources = readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(COMMANDS, name), 'utf8'))
  .join('\n')

const context = contextOf(
  deskOf(db),
  () => {},
  () => {},
)
const program = await makeProgram(context, [], MUTE)
const commands = namesOf(program, [])

function namesOf(command: Command, path: readonly string[]): readonly string[] {
  if (command.commands.length === 0) return [path.join(' ')]
  return command.commands.flatMap((child) => namesOf(child, [...path, child.name()]))
}

const names = OPERATIONS.map(({ name }) => name)
const commandOf = (operation: string) => PERFORMED_BY[operation] ?? operation.replace('.', ' ')

describe('operations', () => {
  test('each is reachable by a command', () => {
    expect(names.filter((name) => !commands.includes(commandOf(name)))).toEqual([])
  })

  test('every command performs an operation, or is listed with its reason', () => {
    const performing = new Set(names.map(commandOf))
    expect(commands.filter((command) => !performing.has(command)).sort()).toEqual(Object.keys(NO_OPERATIONS).sort())
  })

  test('each that a command performs beside its own is performed there', () => {
    const missing = Object.keys(PERFORMED_BY).filter((name) => {
      const [noun, verb = ''] = name.split('.')
      const key = verb.replace(/-[a-z]/g, ([, letter = '']) => letter.toUpperCase())
      return !commandSources.includes(`${noun}Operations.${key}`)
    })
    expect(missing).toEqual([])
  })

  test('each has a name of its own', () => {
    expect(
      names.filter((name, at) => names.indexOf(name) !== at || !/^[a-z]+(\.[a-z]+(-[a-z]+)*)?$/.test(name)),
    ).toEqual([])
  })

  test('each that leaves no audit line only reads, or does what the scheduler does by itself', () => {
    const unaudited = OPERATIONS.filter(({ audit }) => audit === null).map(({ name }) => name)
    const reading = /\.(list|show|affected|preview|template|dry-run|export|parse|check-address)$/
    expect(unaudited.filter((name) => !reading.test(name))).toEqual(['collect', 'tick'])
  })

  test('viewers may only read, and see no personal data', () => {
    const allowed = OPERATIONS.filter(({ right }) => (ROLE_RIGHTS.viewer as readonly string[]).includes(right))
    expect(allowed.filter(({ audit }) => audit !== null)).toEqual([])
    expect(allowed.filter(({ name }) => /^(subscriber|suppression)\./.test(name))).toEqual([])
  })

  test('every right is needed by an operation', () => {
    const needed = new Set<string>(OPERATIONS.map(({ right }) => right))
    expect(RIGHTS.filter((right) => !needed.has(right))).toEqual([])
  })
})
