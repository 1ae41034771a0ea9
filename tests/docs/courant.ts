import type { Command } from 'commander'
import { clockFrom, Temporal } from '../../src/clock.ts'
import { readConfig } from '../../src/config/config.ts'
import { makeProgram } from '../../src/main.ts'
import { contextOf, MUTE } from '../support/command-line.ts'

/** A Monday; the examples' articles are of that morning. */
export const NOON = Temporal.Instant.from('2026-11-23T12:00:00Z')

/** Every command there is, to be looked at and not run. */
const TABLE = await makeProgram(
  contextOf(
    {
      db: null,
      config: readConfig({ SECRET: 'x'.repeat(32), MAIL_FROM: 'Haus <haus@verlag.example>' }),
      clock: clockFrom(NOON),
    },
    () => {},
    () => {},
  ),
  [],
  MUTE,
)

/** The command that these words name, and what is wrong with them; what is no option's value counts as an argument. */
export function findCommand(words: readonly string[]): {
  readonly command: Command
  readonly wrong: readonly string[]
} {
  let command = TABLE
  let at = 0
  for (; at < words.length; at += 1) {
    const child = command.commands.find((one) => one.name() === words[at])
    if (child === undefined) break
    command = child
  }
  const known = new Set(['--json', '--help', ...command.options.map((option) => option.long ?? '')])
  const unknown = words.slice(at).filter((word) => word.startsWith('--') && !known.has(word))
  const nameless = command.commands.length > 0 ? [`${words.slice(0, at + 1).join(' ')} is no command`] : []
  return { command, wrong: [...nameless, ...unknown.map((option) => `${command.name()} has no ${option}`)] }
}
