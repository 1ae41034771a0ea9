import { Temporal } from '../../src/clock.ts'

/** A Monday in May, when Berlin is two hours ahead; the Tagblatt's slot is at 5:00 UTC. */
export const MONDAY = Temporal.Instant.from('2026-05-04T12:00:00Z')
export const TUESDAY_SLOT = '2026-05-05T05:00:00Z'
export const WEDNESDAY_SLOT = '2026-05-06T05:00:00Z'
export const at = (text: string) => Temporal.Instant.from(text)
