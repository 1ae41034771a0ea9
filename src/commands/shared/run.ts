import { userInfo } from 'node:os'
import type { z } from 'zod'
import { CourantError, InputError } from '../../errors.ts'
import type { BareContext, Operation } from '../../operations/operation.ts'
import { perform, readInput } from '../../operations/perform.ts'
import type { Actor } from '../../operations/rights.ts'
import type { CollectContext } from '../../operations/scheduling.ts'
import type { ImportContext } from '../../operations/subscribers.ts'
import type { CommandContext } from './command-context.ts'

/** Performs an operation as the user of the command line. */
type Perform = <Schema extends z.ZodType, Output>(
  operation: Operation<Schema, Output>,
  input: z.input<Schema>,
) => Promise<Output>

/** Callbacks and signals of a long operation. */
type Extra = Partial<
  Pick<BareContext, 'progress'> & Pick<ImportContext, 'importing'> & Pick<CollectContext, 'signal' | 'onBusyHost'>
>

/** Performs one operation. Invalid input is reported before the database is opened. */
export function performOne<Schema extends z.ZodType, Output>(
  context: CommandContext,
  operation: Operation<Schema, Output>,
  input: z.input<Schema>,
  extra: Extra = {},
): Promise<Output> {
  return asUsage(async () => {
    readInput(operation, input)
    return withOperations(context, (perform) => perform(operation, input), extra)
  })
}

/** Opens the database for several operations, or for one that returns its rows one by one. */
export function withOperations<Result>(
  context: CommandContext,
  use: (perform: Perform) => Promise<Result>,
  extra: Extra = {},
): Promise<Result> {
  return context.withDatabase((db) => {
    const operationContext = { ...bareContext(context), ...extra, db }
    return use((operation, input) => asUsage(() => perform(atTerminal(), operation, input, operationContext)))
  })
}

/** Performs an operation that needs no database. */
export function performBare<Schema extends z.ZodType, Output>(
  context: CommandContext,
  operation: Operation<Schema, Output, BareContext>,
  input: z.input<Schema>,
): Promise<Output> {
  return asUsage(() => perform(atTerminal(), operation, input, bareContext(context)))
}

const bareContext = ({ clock, config, log }: CommandContext): BareContext => ({ clock, config, log })

/** The actor of the command line, named after the user of the operating system. */
function atTerminal(): Actor {
  try {
    return { kind: 'cli', name: userInfo().username }
  } catch {
    return { kind: 'cli', name: 'unknown' }
  }
}

/** Turns invalid fields into wrong usage, and names each by its option. */
async function asUsage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    const wrong = error.fields.map(({ field, problem }) => `${optionOf(field)} ${problem.replace(FIELD, optionOf)}`)
    const why = `Wrong: ${wrong.join('; ')}.`
    throw new CourantError('usage', { what: error.what, why, todo: 'Run the command with --help.', cause: error })
  }
}

/** The name of a field within a sentence. */
const FIELD = /\b[a-z]+[A-Z]\w*/g
const optionOf = (field: string) => `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
