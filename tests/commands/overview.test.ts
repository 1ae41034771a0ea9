import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { makeContext } from '../../src/commands/shared/command-context.ts'
import { GROUPS, makeProgram } from '../../src/main.ts'

const context = makeContext(systemClock, process.stdout, process.stderr, () => false)

test('the overview of all commands describes each group as the group describes itself', async () => {
  const overview = await makeProgram(context, ['--help'], {})
  const whole = await makeProgram(context, [], {})
  const describe = (program: typeof whole) => program.commands.map((one) => [one.name(), one.description()])
  expect(describe(overview)).toEqual(describe(whole))
  expect(overview.commands.every(({ commands }) => commands.length === 0)).toBe(true)
  expect(Object.keys(GROUPS)).toEqual(whole.commands.map((one) => one.name()))
})
