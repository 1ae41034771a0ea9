import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../db/client.ts'
import type { Sender } from '../delivery/worker.ts'
import type { Logger } from '../log.ts'
import type { Right } from './rights.ts'

/** A long operation's progress, as its door shows it. */
type Progress = { readonly update: (done: number) => void; readonly stop: () => void }

/** What an operation runs with that needs no database. */
export type BareContext = {
  readonly clock: Clock
  readonly config: () => Config
  readonly log: () => Logger
  /** Called when a long operation begins; `total` is null where it is not known. */
  readonly progress?: (total: number | null) => Promise<Progress>
  /** What mails are sent with, where the door has it open already; else an operation opens its own. */
  readonly sender?: Sender
}

/** What an operation runs with. */
export type OperationContext = BareContext & { readonly db: Database }

/** What the audit log says of an operation besides who, when and its name. No address, secret or text of a mail. */
export type AuditDetails = {
  /** What it was done to: a newsletter's slug, an edition's or a source's id. */
  readonly subject: string | number | null
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * How an operation is audited: `after` in the transaction the operation runs in; `before`, in one of its own, where the operation
 * runs several transactions, of which some may remain when it fails.
 */
type Audit<Input, Output> =
  | { readonly after: (output: Output, input: Input) => AuditDetails }
  | { readonly before: (input: Input, context: OperationContext) => AuditDetails | Promise<AuditDetails> }

/** Runs work in a transaction. */
type Transact = <Result>(db: Database, work: (tx: Database) => Promise<Result>) => Promise<Result>

/**
 * One thing a person or program may ask Courant for. The input is plain data that the schema validates, and so is the output;
 * a list of any length is an async iterable of plain rows.
 */
export type Operation<Schema extends z.ZodType, Output, Context extends BareContext = OperationContext> = {
  /** Stable: `noun.verb`. */
  readonly name: string
  readonly right: Right
  readonly input: Schema
  /** Null for an operation that changes nothing, or does only what the scheduler does by itself. */
  readonly audit: Audit<z.output<Schema>, Output> | null
  /** Begins the transaction of an operation that is audited `after`, where it needs a lock first or is repeated after a fault. */
  readonly transact?: Transact
  readonly run: (context: Context, input: z.output<Schema>) => Promise<Output> | Output
}

/** Declares an operation that leaves a line in the audit log: whatever changes something. */
export function audited<Schema extends z.ZodType, Output, Context extends OperationContext = OperationContext>(
  operation: Operation<Schema, Output, Context> & { readonly audit: Audit<z.output<Schema>, Output> },
): Operation<Schema, Output, Context> {
  return operation
}

/** Declares an operation that leaves none: it changes nothing, or does only what the scheduler does by itself. */
export function unaudited<Schema extends z.ZodType, Output, Context extends BareContext = OperationContext>(
  operation: Omit<Operation<Schema, Output, Context>, 'audit'>,
): Operation<Schema, Output, Context> {
  return { ...operation, audit: null }
}
