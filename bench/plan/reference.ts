import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import type { PlanWorld } from './world.ts'

/** A reader before planning, and what the edition has for them; null where it has nothing. */
type Reader = {
  readonly n: number
  readonly topics: readonly number[]
  readonly locale: string
  readonly format: string
  readonly ownSeen: number | null
  readonly cohortSeen: number
  readonly suppressed: boolean
  readonly planned: { readonly locale: string; readonly format: string; readonly entryIds: readonly number[] } | null
}
type Entry = {
  readonly id: number
  readonly topics: ReadonlySet<number>
  readonly visible: boolean
  readonly atMs: number
}

const READERS_A_PAGE = 20_000
/** Readers whose selection is compared entry by entry; of all others only whether there is one. */
const COMPARED = 1000

/**
 * Goes through all readers and compares what was planned with what plain loops say from the rows as they were before.
 *
 * @returns how many are planned and how many were compared entry by entry.
 * @throws Error where a reader is missing, planned without anything new, or has another selection.
 */
export async function compareWithReference(
  db: Database,
  world: PlanWorld,
  editionId: number,
  readers: number,
): Promise<{ planned: number; compared: number }> {
  const entries = await readEntries(db, world.newsletterId)
  const every = Math.max(1, Math.floor(readers / COMPARED))
  let planned = 0
  let compared = 0
  for (let from = 1; from <= readers; from += READERS_A_PAGE) {
    for (const reader of await readReaders(db, world.newsletterId, editionId, from)) {
      if (reader.planned !== null) planned += 1
      if (reader.n % every === 0) compared += compare(reader, selectFor(reader, entries))
      else if ((reader.planned !== null) !== hasNew(reader, entries))
        throw new Error(`Reader ${reader.n} is misplanned.`)
    }
  }
  return { planned, compared }
}

function compare(reader: Reader, expected: readonly number[]): number {
  const { planned } = reader
  const found = planned === null ? '' : `${planned.locale} ${planned.format} ${planned.entryIds}`
  const wanted = expected.length === 0 ? '' : `${reader.locale} ${reader.format} ${expected}`
  if (found !== wanted) throw new Error(`Reader ${reader.n} has “${found}” instead of “${wanted}”.`)
  return 1
}

function selectFor(reader: Reader, entries: readonly Entry[]): readonly number[] {
  const chosen = entries.filter((entry) => isNew(reader, entry))
  return chosen.sort((a, b) => b.atMs - a.atMs || b.id - a.id).map(({ id }) => id)
}

const hasNew = (reader: Reader, entries: readonly Entry[]) => entries.some((entry) => isNew(reader, entry))

function isNew({ suppressed, ownSeen, cohortSeen, topics }: Reader, entry: Entry): boolean {
  if (suppressed || !entry.visible || entry.id <= (ownSeen ?? cohortSeen)) return false
  return topics.some((topic) => entry.topics.has(topic))
}

/** Latest first, so that most readers' first match comes soon. */
async function readEntries(db: Database, newsletterId: number): Promise<readonly Entry[]> {
  const rows = await db.execute<{
    id: number
    topics: number[]
    state: string
    published: number | null
    arrived: number
  }>(sql`
    select e.id, e.topics, a.state, (extract(epoch from a.published_at) * 1000)::float8 as published,
      (extract(epoch from e.created_at) * 1000)::float8 as arrived
    from entry e, article a where a.id = e.article_id and e.newsletter_id = ${newsletterId} order by e.id desc`)
  return rows.rows.map(({ id, topics, state, published, arrived }) => {
    const atMs = published === null || published > arrived ? arrived : published
    return { id, topics: new Set(topics), visible: state === 'visible', atMs }
  })
}

async function readReaders(
  db: Database,
  newsletterId: number,
  editionId: number,
  from: number,
): Promise<readonly Reader[]> {
  const rows = await db.execute<
    Reader & { variantLocale: string | null; variantFormat: string; entryIds: number[] }
  >(sql`
    select r.n, r.topics, r.locale, r.format, r.own_seen as "ownSeen", r.cohort_seen as "cohortSeen", r.suppressed,
      v.locale as "variantLocale", v.format as "variantFormat", v.entry_ids as "entryIds"
    from bench_reader r
    join subscriber p on p.email_key = 'reader' || r.n || '@' || ${newsletterId}::integer || '.example.org'
    left join delivery d on d.edition_id = ${editionId} and d.subscriber_id = p.id
    left join variant v on v.id = d.variant_id
    where r.n >= ${from} and r.n < ${from + READERS_A_PAGE}`)
  return rows.rows.map(({ variantLocale, variantFormat, entryIds, ...reader }) => ({
    ...reader,
    planned: variantLocale === null ? null : { locale: variantLocale, format: variantFormat, entryIds },
  }))
}
