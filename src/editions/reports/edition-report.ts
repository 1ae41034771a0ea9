import { desc, eq } from 'drizzle-orm'
import { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { batch } from '../../db/schema/batch.ts'
import { edition } from '../../db/schema/edition.ts'
import { newsletter } from '../../db/schema/newsletter.ts'
import { CourantError } from '../../errors.ts'
import { findNewsletter } from '../../newsletters/newsletters.ts'
import { countDeliveries } from './counts.ts'
import { listReasons } from './reasons.ts'

const MAX_BATCHES = 10_000

const COLUMNS = {
  id: edition.id,
  publicId: edition.publicId,
  newsletter: newsletter.slug,
  state: edition.state,
  reason: edition.reason,
  frequency: edition.frequency,
  slotAt: edition.slotAt,
  key: edition.key,
  home: edition.home,
  articles: edition.articleCount,
  variants: edition.variantCount,
  createdAt: edition.createdAt,
  finishedAt: edition.finishedAt,
}

/**
 * Lists the latest editions with their counts, of one newsletter (also of one that was deleted) or of all.
 *
 * @throws CourantError `newsletter.unknown` when no newsletter has had this slug.
 */
export async function listEditions(db: Database, slug: string | null, limit: number) {
  const rows = await db
    .select(COLUMNS)
    .from(edition)
    .innerJoin(newsletter, eq(newsletter.id, edition.newsletterId))
    .where(slug === null ? undefined : eq(newsletter.slug, slug))
    .orderBy(desc(edition.id))
    .limit(limit)
  if (rows.length === 0 && slug !== null) await findNewsletter(db, slug)
  const listed = []
  for (const row of rows) listed.push({ ...row, ...(await countDeliveries(db, row.id)) })
  return listed
}

/** Reads an edition and what became of it. @throws CourantError `edition.unknown`. */
export async function readEditionReport(db: Database, id: number) {
  const found = await readSummary(db, id)
  if (found === null)
    throw new CourantError('edition.unknown', {
      what: `There is no edition ${id}.`,
      todo: '"courant edition list" shows all editions.',
    })
  const counts = await countDeliveries(db, id)
  const batches = await db.select().from(batch).where(eq(batch.editionId, id)).orderBy(batch.id).limit(MAX_BATCHES)
  const reasons = await listReasons(db, id)
  // A paused or held edition continues only when it is resumed.
  const nextDueAt = found.state === 'sending' ? earliest(batches.map(({ dueAt }) => dueAt)) : null
  return { ...found, counts, reasons, nextDueAt, batches: batches.map(({ editionId: _, ...row }) => row) }
}

/** Reads one edition without its deliveries; null when it does not exist. */
export async function readSummary(db: Database, id: number) {
  const rows = await db
    .select(COLUMNS)
    .from(edition)
    .innerJoin(newsletter, eq(newsletter.id, edition.newsletterId))
    .where(eq(edition.id, id))
    .limit(1)
  return rows[0] ?? null
}

function earliest(instants: readonly (Temporal.Instant | null)[]): Temporal.Instant | null {
  return instants.filter((one) => one !== null).toSorted(Temporal.Instant.compare)[0] ?? null
}
