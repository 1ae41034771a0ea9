import { readMessageNumber } from '../../src/mail/mime/message-id.ts'
import type { Call } from './relay.ts'
import type { DeliveryRow, EditionRow, Standing } from './standing.ts'

/** What a round must come to. */
export type Expected = {
  /** From this edition on each has so many deliveries. */
  readonly fromEditionId: number
  readonly planned: number
  /** Addresses that the relay put off: they may be deferred at the end, and nobody else open. */
  readonly putOff: ReadonlySet<string>
  /** Numbers of the connections that something ever cut, or whose process was stopped. */
  readonly cutCalls: ReadonlySet<number>
}

/** What was found: every broken promise in words, and what was repeated. */
export type Verdict = {
  readonly broken: readonly string[]
  readonly repeated: number
  /** How many messages a connection left in doubt that were repeated, by the connection's number. */
  readonly repeatedAfter: ReadonlyMap<number, number>
}

/** A message as it came in, and over which connection. */
type Copy = {
  readonly messageId: string
  readonly to: string
  readonly call: Call
  readonly isLast: boolean
  readonly order: number
}

/** Holds all that the relay ever took against all that the rows say. */
export function judge(standing: Standing, calls: readonly Call[], expected: Expected): Verdict {
  const broken: string[] = []
  const copies = calls.flatMap(copiesOf).sort((a, b) => a.order - b.order)
  const byDelivery = new Map<string, Copy[]>()
  const rows = new Map(standing.deliveries.map((row) => [keyOf(row.edition_id, row.seq), row]))
  for (const copy of copies) {
    const row = findRow(copy, standing.editions, rows)
    if (row === null) broken.push(`a message that was never planned went to ${copy.to}: ${copy.messageId}`)
    else
      byDelivery.set(keyOf(row.edition_id, row.seq), [...(byDelivery.get(keyOf(row.edition_id, row.seq)) ?? []), copy])
  }
  for (const row of standing.deliveries)
    broken.push(...judgeDelivery(row, byDelivery.get(keyOf(row.edition_id, row.seq)) ?? []))
  for (const edition of standing.editions) broken.push(...judgeEdition(edition, standing, expected))
  const repeatedAfter = countRepeated(byDelivery.values(), expected.cutCalls, broken)
  broken.push(...standing.badBatches.map(({ id, what }) => `batch ${id}: ${what}`))
  broken.push(...standing.badMarks.map(({ what }) => what))
  const repeated = [...byDelivery.values()].reduce((sum, all) => sum + all.length - 1, 0)
  return { broken, repeated, repeatedAfter }
}

function copiesOf(call: Call): readonly Copy[] {
  return call.taken.map(({ messageId, to, order }, n) => ({
    messageId,
    to,
    call,
    isLast: n === call.taken.length - 1,
    order,
  }))
}

const keyOf = (editionId: number, seq: number) => `${editionId}/${seq}`

/** The Message-ID names the delivery; its reader must be the one it went to. */
function findRow(
  copy: Copy,
  editions: readonly EditionRow[],
  rows: ReadonlyMap<string, DeliveryRow>,
): DeliveryRow | null {
  const [publicId, covered = ''] = copy.messageId.split('@')[0]?.split('-') ?? []
  const edition = editions.find((one) => one.public_id === publicId)
  if (edition === undefined) return null
  const seq = readMessageNumber(covered, edition.nonce)
  const row = seq === null ? undefined : rows.get(keyOf(edition.id, seq))
  return row?.email === copy.to ? row : null
}

function judgeDelivery(row: DeliveryRow, copies: readonly Copy[]): readonly string[] {
  const name = `delivery ${keyOf(row.edition_id, row.seq)}`
  if (row.state === 'sent' && copies.length === 0) return [`${name} is sent, and its reader has no message`]
  if (row.state === 'sent' || copies.length === 0) return []
  // The relay died between content and reply: it is sent again when it is due.
  return row.state === 'deferred' && row.ambiguous ? [] : [`${name} is ${row.state}, and its reader has a message`]
}

function judgeEdition(edition: EditionRow, { deliveries }: Standing, expected: Expected): readonly string[] {
  const own = deliveries.filter((row) => row.edition_id === edition.id)
  const name = `edition ${edition.id} (${edition.state})`
  const readers = new Set(own.map(({ email }) => email)).size
  const broken: string[] = []
  const planned = edition.id < expected.fromEditionId ? own.length : expected.planned
  if (own.length !== planned || readers !== own.length)
    broken.push(`${name} has ${own.length} deliveries to ${readers} readers instead of ${planned}`)
  if (edition.rows !== edition.ranged) broken.push(`${name}: ${edition.rows} rows, but batches over ${edition.ranged}`)
  const open = own.filter(({ state }) => ['queued', 'sending', 'deferred'].includes(state))
  const unexpected = open.filter(({ state, email }) => state !== 'deferred' || !expected.putOff.has(email))
  if (unexpected.length > 0)
    broken.push(`${name} has ${unexpected.length} open deliveries, one is ${unexpected[0]?.state}`)
  if (edition.state !== (open.length > 0 ? 'sending' : 'finished') && !(edition.state === 'missed' && own.length === 0))
    broken.push(`${name} has ${open.length} open deliveries`)
  return broken
}

/**
 * A connection may have left its last message in doubt, and no other; the caller knows whether something cut it. Mostly that
 * connection brought the first copy. A process that is stopped just before it writes the end of a message writes it when it
 * goes on, after another has sent it: then it brought the second.
 */
function countRepeated(
  groups: Iterable<readonly Copy[]>,
  cutCalls: ReadonlySet<number>,
  broken: string[],
): ReadonlyMap<number, number> {
  const after = new Map<number, number>()
  for (const copies of groups) {
    if (new Set(copies.map(({ messageId }) => messageId)).size > 1)
      broken.push(`${copies[0]?.to} got one delivery under two Message-IDs`)
    for (const [n, copy] of copies.slice(0, -1).entries()) {
      const left = copies.slice(n, n + 2).find(({ isLast, call }) => isLast && cutCalls.has(call.number)) ?? copy
      after.set(left.call.number, (after.get(left.call.number) ?? 0) + 1)
      if (!left.isLast) broken.push(`${copy.messageId} was repeated, though its connection had gone on after it`)
    }
  }
  return after
}
