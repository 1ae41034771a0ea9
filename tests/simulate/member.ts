import type { Code } from './failing.ts'

/**
 * Where a process meets its fate: at its `at`-th statement (from 1), before or after the database has done it. `die`: what
 * was not committed is lost, and nothing more is heard of it. `freeze`: it stands still until it is thawed; outside of
 * transactions only, since the embedded database serves nobody else during one. `fail`: this statement and the next ones
 * that count fail, and the process lives on; after the database has done it, its answer is lost with the connection.
 */
export type Trap = {
  readonly at: number
  readonly when: 'before' | 'after'
  /** Only statements with this in their text count; null counts all. */
  readonly on: string | null
} & ({ readonly does: 'die' | 'freeze' } | { readonly does: 'fail'; readonly code: Code; readonly times: number })

/** What a statement is refused with once its process is dead. */
export class Killed extends Error {
  constructor() {
    super('the process is dead')
  }
}

/** A process as the gate sees it. */
export type Member = {
  trap: Trap | null
  statements: number
  dead: boolean
  thawed: Promise<void> | null
  thaw: () => void
  onFrozen: () => void
  readonly death: AbortController
  /** What waits for the end of its transaction. */
  atCommit: (() => void) | null
}

/** A connection that may be in a transaction; `undo` rolls that back and gives the connection away, as `lose` does for good. */
export type Client = {
  readonly rollBack: () => Promise<void>
  readonly undo: () => Promise<void>
  readonly lose: (code: Code) => Promise<void>
}

/** One statement, and the connection it comes on; null for one that is a transaction of its own. */
export type Statement = {
  readonly member: Member
  readonly client: Client | null
  readonly text: string
  readonly run: () => Promise<unknown>
  /** Has the server refuse it. */
  readonly refused: (code: Code) => Promise<never>
}
export type Request = Statement & {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Whether a statement is one of those its trap counts. */
export const counts = ({ trap }: Member, text: string) => trap === null || trap.on === null || text.includes(trap.on)

/** Goes on once the process does not stand still any more. */
export function whenThawed({ thawed }: Member, run: () => void): void {
  if (thawed === null) run()
  else void thawed.then(run)
}
