import { and, asc, eq, inArray, ne } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { newsletter } from '../db/schema/newsletter.ts'
import { CourantError, InputError, type InvalidField } from '../errors.ts'
import { makeHomeCohort, moveHomeCohort } from './schedule/home-cohort.ts'
import type { NewNewsletter, NewsletterChange } from './settings.ts'

/** A newsletter as kept. */
export type Newsletter = typeof newsletter.$inferSelect

const MOST_LISTED = 1_000
const isThere = ne(newsletter.state, 'deleted')

/** Adds a newsletter and its home cohort. @throws CourantError `newsletter.exists`. @throws InputError where fields contradict. */
export async function addNewsletter(db: Database, fields: NewNewsletter, now: Temporal.Instant): Promise<Newsletter> {
  const values = { ...fields, ...columnsOf(fields), fromAddress: fields.from.address }
  return db.transaction(async (tx) => {
    const sender = { fromName: fields.from.name || fields.name, createdAt: now }
    const rows = await tx
      .insert(newsletter)
      .values({ ...values, ...sender })
      .onConflictDoNothing()
      .returning()
    const made = rows[0]
    if (made === undefined)
      throw new CourantError('newsletter.exists', {
        what: `There is a newsletter ${fields.slug} already.`,
        todo: 'Choose another slug, or change that one with "courant newsletter set".',
      })
    checkLimits(made)
    await makeHomeCohort(tx, made, 0, now)
    return made
  })
}

/**
 * Changes the fields given. Another frequency, hour or zone moves the home; readers keep what they have chosen.
 *
 * @throws CourantError `newsletter.unknown`.
 * @throws InputError where fields contradict.
 */
export async function changeNewsletter(
  db: Database,
  slug: string,
  fields: NewsletterChange,
  now: Temporal.Instant,
): Promise<Newsletter> {
  return db.transaction(async (tx) => {
    const found = await tx
      .select()
      .from(newsletter)
      .where(and(eq(newsletter.slug, slug), isThere))
      .for('no key update')
    const before = found[0] ?? unknown(slug)
    const columns = columnsOf(fields)
    if (Object.values(columns).every((value) => value === undefined)) return before
    const rows = await tx.update(newsletter).set(columns).where(eq(newsletter.id, before.id)).returning()
    const after = rows[0] ?? unknown(slug)
    checkLimits(after)
    const moves = after.frequency !== before.frequency || after.hour !== before.hour || after.zone !== before.zone
    if (moves) await moveHomeCohort(tx, after, now)
    return after
  })
}

/**
 * Moves a newsletter from one state to the other.
 *
 * @throws CourantError `newsletter.unknown`, `newsletter.state` when it is not in the first.
 */
export async function moveNewsletter(
  tx: Database,
  slug: string,
  from: Newsletter['state'],
  to: Newsletter['state'],
): Promise<Newsletter> {
  const moved = await tx
    .update(newsletter)
    .set({ state: to })
    .where(and(eq(newsletter.slug, slug), eq(newsletter.state, from)))
    .returning()
  if (moved[0] !== undefined) return moved[0]
  const { state } = await findNewsletter(tx, slug)
  throw new CourantError('newsletter.state', {
    what: `The newsletter ${slug} is ${state}${state === to ? ' already' : ''}.`,
    todo: `"courant newsletter show ${slug}" says more.`,
  })
}

/** One newsletter that is not deleted, its row locked against changes. @throws CourantError `newsletter.unknown`. */
export async function readNewsletter(tx: Database, id: number): Promise<Newsletter> {
  const found = await tx
    .select()
    .from(newsletter)
    .where(and(eq(newsletter.id, id), isThere))
    .for('no key update')
  return found[0] ?? unknown(String(id))
}

/** The newsletter of this slug, or the only one. @throws CourantError `newsletter.unknown`, `newsletter.ambiguous`. */
export async function findNewsletter(db: Database, slug?: string | null): Promise<Newsletter> {
  const wanted = slug == null ? isThere : and(eq(newsletter.slug, slug), isThere)
  const found = await db.select().from(newsletter).where(wanted).orderBy(asc(newsletter.slug)).limit(2)
  if (found.length > 1)
    throw new CourantError('newsletter.ambiguous', {
      what: 'There are several newsletters.',
      todo: 'Name one with --newsletter; "courant newsletter list" shows them.',
    })
  return found[0] ?? unknown(slug)
}

/** All newsletters that are not deleted, by slug; at most 1,000. */
export async function listNewsletters(db: Database): Promise<readonly Newsletter[]> {
  return db.select().from(newsletter).where(isThere).orderBy(asc(newsletter.slug)).limit(MOST_LISTED)
}

/** Those of these newsletters that are not deleted, by id. */
export async function readNewsletters(db: Database, ids: readonly number[]): Promise<ReadonlyMap<number, Newsletter>> {
  const found = await db
    .select()
    .from(newsletter)
    .where(and(inArray(newsletter.id, [...ids]), isThere))
  return new Map(found.map((row) => [row.id, row]))
}

function columnsOf({ from, ...columns }: NewsletterChange) {
  return { ...columns, fromAddress: from?.address, fromName: from?.name || undefined }
}

function checkLimits({ minArticles, maxArticles, logoUrl, logoWidth, logoHeight }: Newsletter): void {
  const wrong: InvalidField[] = []
  if (minArticles > maxArticles)
    wrong.push({ field: 'minArticles', problem: `${minArticles} is more than maxArticles ${maxArticles}` })
  if (logoUrl !== null && (logoWidth === null || logoHeight === null))
    wrong.push({ field: 'logoUrl', problem: 'needs logoWidth and logoHeight' })
  if (wrong.length > 0) throw new InputError('newsletter', wrong)
}

function unknown(slug?: string | null): never {
  throw new CourantError('newsletter.unknown', {
    what: slug == null ? 'There is no newsletter yet.' : `There is no newsletter ${JSON.stringify(slug)}.`,
    todo: '"courant newsletter list" shows all; "courant newsletter add" makes one.',
  })
}
