import type { Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import * as newsletters from '../../src/newsletters/newsletters.ts'
import { newsletterOperations } from '../../src/operations/newsletters.ts'
import { readInput } from '../../src/operations/perform.ts'

/** What somebody enters for a newsletter. */
export type NewsletterInput = Readonly<Record<string, unknown>>

/** Adds a newsletter from what somebody entered. */
export async function addNewsletter(db: Database, input: NewsletterInput, now: Temporal.Instant) {
  const { from, ...fields } = readInput(newsletterOperations.add, input)
  if (from === undefined) throw new RangeError('a newsletter needs a sender')
  return newsletters.addNewsletter(db, { ...fields, from }, now)
}

/** Changes a newsletter by what somebody entered. */
export async function changeNewsletter(db: Database, slug: string, input: NewsletterInput, now: Temporal.Instant) {
  const { newsletter: _, ...fields } = readInput(newsletterOperations.set, { ...input, newsletter: slug })
  return newsletters.changeNewsletter(db, slug, fields, now)
}
