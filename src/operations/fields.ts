import { z } from 'zod'
import { Temporal } from '../clock.ts'
import { checkAddress } from '../mail/addresses/address.ts'
import { isSlug } from '../newsletters/settings.ts'

/** Years that PostgreSQL prints with four digits. */
const FIRST = Temporal.Instant.from('1970-01-01T00:00:00Z')
const LAST = Temporal.Instant.from('9999-12-31T23:59:59Z')

/** A newsletter by its slug. */
export const slugField = z.string().refine(isSlug, 'takes 1 to 63 of a–z, 0–9 and hyphens')

/** A newsletter by its slug; optional when there is only one newsletter. */
export const onlyOrSlug = slugField.optional()

/** The id of a row. */
export const rowIdField = z.int('takes an id, a whole number from 1').min(1, 'takes an id, a whole number from 1')

/** One line of text, at least one character long. */
export const oneLineOf = (most: number) =>
  z
    .string()
    .min(1, 'is empty')
    .max(most, `takes at most ${most} characters`)
    .regex(/^[^\p{Cc}]*$/u, 'takes one line')

/** Text of several lines, at least one character long. */
export const textOf = (most: number) =>
  z
    .string()
    .min(1, 'is empty')
    .max(most, `takes at most ${most} characters`)
    .regex(/^[\P{Cc}\n\r\t]*$/u, 'takes no control characters')

/** How many rows a list returns by default and at most. */
export const LISTED = { usual: 100, most: 10_000 } as const
export const listLimit = z.int().min(1).max(LISTED.most).default(LISTED.usual)

/** An instant from 1970 to 9999, as a Temporal.Instant or in ISO 8601. */
export const instantField = z.union([z.instanceof(Temporal.Instant), z.string()]).transform((given, issues) => {
  try {
    const at = Temporal.Instant.from(given)
    if (Temporal.Instant.compare(at, FIRST) >= 0 && Temporal.Instant.compare(at, LAST) <= 0) return at
  } catch {
    // Reported below.
  }
  issues.addIssue('takes an instant from 1970 to 9999, such as 2026-05-03T07:00:00Z')
  return z.NEVER
})

/** One mail address, normalised. */
export const addressField = z.string().transform((given, issues) => {
  const { address: clean, reason } = checkAddress(given)
  if (clean !== null) return clean
  issues.addIssue(`takes one address (${(reason ?? 'it is none').replace(/\.$/, '')})`)
  return z.NEVER
})

/** The bytes of a document. */
export const bytesField = z.custom<Uint8Array>((given) => given instanceof Uint8Array, 'takes bytes')
