import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { addressKey } from '../../mail/address/address.ts'
import type { Enrolment, Refusal } from '../enrol/candidate.ts'
import { type Enrolled, enrol } from '../enrol/enrol.ts'
import type { ReadRow } from './row.ts'
import type { TableRow } from './table.ts'

/** How a row of an import counts; each row counts once. */
export type Count = 'added' | 'updated' | 'pending' | 'rejected'

/** What became of a row, and why where it was rejected. */
type RowOutcome = { readonly row: TableRow; readonly count: Count; readonly reason: string | null }

const REASONS: Readonly<Record<Refusal, string>> = {
  suppressed: 'Nothing is sent to this address: it bounced, complained, was erased or was blocked.',
  left: 'This reader left the newsletter; they come back by subscribing themselves.',
  rhythm: 'The newsletter does not offer this rhythm.',
}

/** Imports some thousand rows in one transaction. */
export async function importChunk(
  db: Database,
  rows: readonly TableRow[],
  read: (row: TableRow) => ReadRow,
  now: Temporal.Instant,
): Promise<readonly RowOutcome[]> {
  const all = rows.map((row) => ({ row, ...read(row) }))
  const rejected = all.flatMap(({ row, wrong }): RowOutcome[] =>
    wrong === null ? [] : [{ row, count: 'rejected', reason: wrong }],
  )
  const wishes = all.flatMap(({ row, wish }) => (wish === null ? [] : [{ row, wish }]))
  const readers = Map.groupBy(wishes, ({ wish }) => `${wish.newsletterId} ${addressKey(wish.address)}`)
  const groups = [...readers.values()]
  const enrolled = await enrol(
    db,
    groups.map((group) => group.map(({ wish }) => wish).reduce(joined)),
    now,
  )
  const settled = groups.flatMap((group, index) =>
    group.map(({ row }, place) => ({ row, ...countOf(enrolled[index], place) })),
  )
  return [...rejected, ...settled].sort((a, b) => a.row.line - b.row.line)
}

/** Two rows of one reader as if worked off in turn: the first decides on consent, the later one's words replace. */
function joined(first: Enrolment, later: Enrolment): Enrolment {
  return {
    ...first,
    name: later.name ?? first.name,
    locale: later.locale ?? first.locale,
    topics: later.topics ?? first.topics,
    choice: {
      rhythm: later.choice.rhythm ?? first.choice.rhythm,
      weekday: later.choice.weekday ?? first.choice.weekday,
      hour: later.choice.hour ?? first.choice.hour,
      zone: later.choice.zone ?? first.choice.zone,
    },
  }
}

/** The `place`th row of a reader in this chunk: only the first can be new. */
function countOf(enrolled: Enrolled | undefined, place: number): { count: Count; reason: string | null } {
  if (enrolled === undefined) throw new RangeError('every wish has an outcome')
  if (enrolled.kind === 'refused') return { count: 'rejected', reason: REASONS[enrolled.reason] }
  if (place > 0 || enrolled.kind === 'unchanged') return { count: 'updated', reason: null }
  return { count: enrolled.kind, reason: null }
}
