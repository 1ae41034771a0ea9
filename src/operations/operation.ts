import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../db/client.ts'
import type { Sender } from '../delivery/worker.ts'
import type { Logger } from '../log.ts'
import type { Right } from './rights.ts'

/** Shows the progress of a long operation. */
type Progress = { readonly update: (done: number) => void; readonly stop: () => void }

/** The context of an operation that needs no database. */
export type BareContext = {
  readonly clock: Clock
  readonly config: () => Config
  readonly log: () => Logger
  /** Called when a long operation begins; `total` is null where it is not known. */
  readonly progress?: (total: number | null) => Promise<Progress>
  /** The sender, if the caller has opened one; otherwise an operation opens its own. */
  readonly sender?: Sender
}

/** The context of an operation. */
export type OperationContext = BareContext & { readonly db: Database }

/** What an audit line holds besides time, actor and operation. Never an address, a secret or the text of a mail. */
export type AuditDetails = {
  /** What was changed: the slug of a newsletter, the id of an edition or a source. */
  readonly subject: string | number | null
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * When the audit line is written: `after` the change and in its transaction, or `before` an operation that runs several
 * transactions, some of which may be committed when it fails.
 */
type Audit<Input, Output> =
  | { readonly after: (output: Output, input: Input) => AuditDetails }
  | { readonly before: (input: Input, context: OperationContext) => AuditDetails | Promise<AuditDetails> }

/** Runs work in a transaction. */
type Transact = <Result>(db: Database, work: (tx: Database) => Promise<Result>) => Promise<Result>

/**
 * One thing that a person or a program can ask Courant to do. Input and output are plain data; the schema validates the input, and
 * a list of any length is returned as an async iterable of rows.
 */
export type Operation<Schema extends z.ZodType, Output, Context extends BareContext = OperationContext> = {
  /** `noun.verb`; stable, since the audit log keeps it. */
  readonly name: string
  readonly right: Right
  readonly input: Schema
  /** Null for an operation that changes nothing, or only does what the scheduler does anyway. */
  readonly audit: Audit<z.output<Schema>, Output> | null
  /** Replaces the plain transaction of an operation audited `after`, where it needs a lock first or is retried. */
  readonly transact?: Transact
  readonly run: (context: Context, input: z.output<Schema>) => Promise<Output> | Output
}

/** Declares an operation that writes an audit line, as every change does. */
export function audited<Schema extends z.ZodType, Output, Context extends OperationContext = OperationContext>(
  operation: Operation<Schema, Output, Context> & { readonly audit: Audit<z.output<Schema>, Output> },
): Operation<Schema, Output, Context> {
  return operation
}

/** Declares an operation without an audit line: it changes nothing, or only does what the scheduler does anyway. */
export function unaudited<Schema extends z.ZodType, Output, Context extends BareContext = OperationContext>(
  operation: Omit<Operation<Schema, Output, Context>, 'audit'>,
): Operation<Schema, Output, Context> {
  return { ...operation, audit: null }
}
