import { type SQL, sql } from 'drizzle-orm'

/** The ids as an array in one parameter, so that a statement has one text however many ids it is about. */
export const idArray = (ids: readonly number[]): SQL => sql`${`{${ids.join(',')}}`}::bigint[]`

/** One of these ids, as in `id = ${anyOf(ids)}`. */
export const anyOf = (ids: readonly number[]): SQL => sql`any(${idArray(ids)})`

/** The states of an edition that is not over, as in `e.state in ${openStates}`; the index `edition_open` names the same. */
export const openStates = sql`('planning', 'sending', 'paused', 'held')`

/** How many deliveries of the batch `b` are final. */
export const finalCount = sql`(b.sent + b.failed + b.suppressed + b.skipped + b.superseded + b.cancelled)`

/** How many deliveries of the batch `b` may still be sent. */
export const unsentCount = sql`(b.to_seq - b.from_seq + 1 - ${finalCount})`

/** What subscription `s` of cohort `c` has seen: its own watermark, or the cohort's. */
export const effectiveWatermark = sql`coalesce(s.seen_entry_id, c.seen_entry_id)`

/** The watermark that subscription `s` of cohort `c` has once an unsent delivery gives back its own: the lower one. */
export const givenBackWatermark = (startEntryId: SQL): SQL => sql`least(${effectiveWatermark}, ${startEntryId})`
