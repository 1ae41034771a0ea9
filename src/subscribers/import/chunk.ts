import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { addressKey } from '../../mail/addresses/address.ts'
import type { SignupRefusal, SignupRequest } from '../signup/candidate.ts'
import { forecastSignups } from '../signup/forecast.ts'
import { signUp } from '../signup/sign-up.ts'
import type { TableRow } from './csv/records.ts'
import { FREQUENCY_NOT_OFFERED, type ReadRow } from './row.ts'
import type { SeenNames } from './seen-addresses.ts'

/** How a row of an import counts; each row counts once. */
export type Count = 'added' | 'updated' | 'unchanged' | 'duplicates' | 'pending' | 'rejected'

/** What became of a row, and why where it was rejected. */
type RowOutcome = { readonly row: TableRow; readonly count: Count; readonly reason: string | null }

/** Some thousand rows as read: those that are rejected, and the readers of the others, each with all their rows. */
type ReadChunk = {
  readonly rejected: readonly RowOutcome[]
  readonly readers: readonly ChunkReader[]
  /** Readers of whom this chunk is the first to say that they are not to be mailed. */
  readonly unwanted: readonly string[]
}
type ChunkReader = {
  /** Newsletter and address. */
  readonly key: string
  readonly wish: SignupRequest
  readonly rows: readonly TableRow[]
}

const UNWANTED_ELSEWHERE = 'Another row of the file says that this reader is not to be mailed.'
const REASONS: Readonly<Record<SignupRefusal, string>> = {
  suppressed: 'Nothing is sent to this address: it bounced, complained, was erased or was blocked.',
  unsubscribed: 'This reader left the newsletter; they come back by subscribing themselves.',
  frequency: FREQUENCY_NOT_OFFERED,
}

/** How rows become wishes; `unwanted` are the readers whom a row of the file says nobody may mail, by their keys. */
type Reading = {
  readonly read: (row: TableRow) => ReadRow
  readonly unwanted: SeenNames
  readonly withheld: boolean
}

/** Reads rows, and puts those of one reader together. Who is unwanted in one row is so in all. */
export function readChunk(rows: readonly TableRow[], { read, unwanted, withheld }: Reading): ReadChunk {
  const all = rows.map((row) => ({ row, ...read(row) }))
  const wrong = all.flatMap(({ row, wrong }) => (wrong === null ? [] : outcomesOf([row], 'rejected', wrong)))
  const found = all
    .flatMap(({ unwanted }) => (unwanted === null ? [] : [keyOf(unwanted)]))
    .filter((key) => unwanted.add(key))
  const wishes = all.flatMap(({ row, wish }) => (wish === null ? [] : [{ row, wish }]))
  const groups = [...Map.groupBy(wishes, ({ wish }) => keyOf(wish))].map(([key, group]) => ({
    key,
    wish: { ...group.map(({ wish }) => wish).reduce(joined), withheld },
    rows: group.map(({ row }) => row),
  }))
  const [excluded, readers] = [true, false].map((is) => groups.filter(({ key }) => unwanted.has(key) === is))
  const rejected = (excluded ?? []).flatMap((group) => outcomesOf(group.rows, 'rejected', UNWANTED_ELSEWHERE))
  return { rejected: [...wrong, ...rejected], readers: readers ?? [], unwanted: found }
}

const keyOf = ({ newsletterId, address }: Pick<SignupRequest, 'newsletterId' | 'address'>) =>
  `${newsletterId} ${addressKey(address)}`

/** Stores a chunk in one transaction, and tells what became of its rows in their order. */
export async function storeChunk(
  db: Database,
  { rejected, readers }: ReadChunk,
  seen: SeenNames,
  now: Temporal.Instant,
): Promise<readonly RowOutcome[]> {
  const wishes = readers.map(({ wish }) => wish)
  const signups = wishes.length === 0 ? [] : await signUp(db, wishes, now)
  const outcomes = readers.flatMap(({ key, rows }, index) => {
    const result = signups[index]
    if (result === undefined) throw new RangeError('every wish has an outcome')
    if (result.kind === 'refused') return outcomesOf(rows, 'rejected', REASONS[result.reason])
    return outcomesOf(rows, seen.add(key) ? result.kind : 'duplicates', null)
  })
  return [...rejected, ...outcomes].sort((a, b) => a.row.line - b.row.line)
}

/** How a row is foretold to count. */
export const FORECAST_COUNTS = ['added', 'pending', 'known', 'duplicates', 'rejected'] as const
export type ForecastCount = (typeof FORECAST_COUNTS)[number]

/** What storing a chunk would come to; `addresses` are those that would get a mail that asks to confirm. */
export async function forecastChunk(
  db: Database,
  { rejected, readers }: ReadChunk,
  seen: SeenNames,
  now: Temporal.Instant,
): Promise<{ readonly counts: Readonly<Record<ForecastCount, number>>; readonly addresses: readonly string[] }> {
  const forecasts = await forecastSignups(
    db,
    readers.map(({ wish }) => wish),
    now,
  )
  const counts = { added: 0, pending: 0, known: 0, duplicates: 0, rejected: rejected.length }
  const addresses: string[] = []
  readers.forEach(({ key, wish, rows }, index) => {
    const { kind, isAsked } = forecasts[index] ?? { kind: 'refused', isAsked: false }
    if (kind === 'refused') counts.rejected += rows.length
    else if (!seen.add(key)) counts.duplicates += rows.length
    else {
      counts[kind === 'active' ? 'added' : kind] += 1
      counts.duplicates += rows.length - 1
      if (isAsked) addresses.push(addressKey(wish.address))
    }
  })
  return { counts, addresses }
}
/** Two rows of one reader as if worked off in turn: the first decides on consent, the later one's words replace. */
function joined(first: SignupRequest, later: SignupRequest): SignupRequest {
  return {
    ...first,
    name: later.name ?? first.name,
    locale: later.locale ?? first.locale,
    topics: later.topics ?? first.topics,
    schedule: {
      frequency: later.schedule.frequency ?? first.schedule.frequency,
      weekday: later.schedule.weekday ?? first.schedule.weekday,
      hour: later.schedule.hour ?? first.schedule.hour,
      zone: later.schedule.zone ?? first.schedule.zone,
    },
  }
}

/** The first row of a reader counts as `count`; where it is kept, the others are duplicates of it. */
function outcomesOf(rows: readonly TableRow[], count: Count, reason: string | null): readonly RowOutcome[] {
  return rows.map((row, place) => ({ row, count: place > 0 && reason === null ? 'duplicates' : count, reason }))
}
