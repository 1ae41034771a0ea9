import type { z } from 'zod'
import type { Database } from '../db/client.ts'
import { InputError } from '../errors.ts'
import { writeAudit } from './audit-log.ts'
import type { BareContext, Operation, OperationContext } from './operation.ts'
import { type Actor, requireRight } from './rights.ts'

/**
 * Performs an operation for an actor: checks the right, validates the input, runs it and writes the audit line.
 *
 * @throws CourantError `right.missing`, and what the operation throws.
 * @throws InputError naming every wrong field.
 */
export async function perform<Schema extends z.ZodType, Output, Context extends BareContext>(
  actor: Actor,
  operation: Operation<Schema, Output, Context>,
  input: z.input<Schema>,
  context: Context,
): Promise<Output> {
  requireRight(actor, operation.right, operation.name)
  const valid = readInput(operation, input)
  const { audit } = operation
  if (audit === null) return operation.run(context, valid)
  requireDatabase(context)
  if ('before' in audit) {
    const { db, clock } = context
    await writeAudit(db, actor, operation.name, await audit.before(valid, context), clock.now())
    return operation.run(context, valid)
  }
  const { transact = inTransaction } = operation
  return transact(context.db, async (tx) => {
    const output = await operation.run({ ...context, db: tx }, valid)
    await writeAudit(tx, actor, operation.name, audit.after(output, valid), context.clock.now())
    return output
  })
}

const inTransaction = <Result>(db: Database, work: (tx: Database) => Promise<Result>) => db.transaction(work)

/** Validates the input of an operation. @throws InputError naming every wrong field. */
export function readInput<Schema extends z.ZodType>(
  { name, input: schema }: Pick<Operation<Schema, unknown, never>, 'name' | 'input'>,
  input: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(input, { error: (issue) => (issue.input === undefined ? 'is missing' : undefined) })
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map(({ path, message }) => ({
    field: path.map(String).join('.'),
    problem: message,
  }))
  throw new InputError(name.split('.')[0] ?? name, fields)
}

function requireDatabase(context: BareContext): asserts context is OperationContext {
  if (!('db' in context)) throw new RangeError('an audited operation needs a database')
}
