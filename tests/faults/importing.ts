import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { importSubscribers } from '../../src/subscribers/import/import.ts'
import type { ImportResult } from '../../src/subscribers/import/passes.ts'
import { addTagblatt } from '../subscribers/fixtures.ts'
import { HEADER, PROOF, watching } from '../subscribers/import/importing.ts'
import type { Scenario } from './scenario.ts'

/** Rows that cost nothing fill the first thousand, which is a transaction; what is in the second comes after it. */
const REJECTED = 980
const [ADDED, PENDING, LATE] = [15, 4, 4]
const SUBSCRIPTIONS = ADDED + PENDING + LATE

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)
const ROWS = [
  ...numbers(REJECTED).map((number) => `nobody${number},,`),
  ...numbers(ADDED).map((number) => `added${number}@example.com,${PROOF}`),
  ...numbers(PENDING).map((number) => `pending${number}@example.com,,`),
  `added0@example.com,${PROOF}`,
  ...numbers(LATE).map((number) => `late${number}@example.com,${PROOF}`),
  `added1@example.com,${PROOF}`,
  'nobody,,',
]

/** A CSV of two chunks is imported. */
const importing: Scenario = {
  name: 'importing readers',
  prepare: async ({ db, clock }) => {
    await addTagblatt(db)
    const folder = mkdtempSync(join(tmpdir(), 'courant-faults-'))
    const file = join(folder, 'readers.csv')
    writeFileSync(file, `${HEADER}\n${ROWS.join('\n')}\n`)
    const run = () => importSubscribers(db, { file, newsletter: null }, watching(), clock)
    const results: ImportResult[] = []
    return {
      work: async () => {
        results.push(await run())
      },
      judge: async ({ left }) => {
        const broken = await judgeEvidence(db)
        const result = left ? await run() : results.at(-1)
        const rejects = readFileSync(join(folder, 'readers.rejects.csv'), 'utf8').trimEnd().split('\n').length - 1
        rmSync(folder, { recursive: true })
        return [...broken, ...judgeResult(result, rejects), ...(await judgeAll(db))]
      },
    }
  },
}

/** Whatever was stored is whole: each subscription has its one record, each pending one its mail. */
async function judgeEvidence(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ what: string }>(sql`
    select 'a subscription has ' || count(r.id) || ' records' as what
    from subscription s left join consent_record r on r.subscription_id = s.id group by s.id having count(r.id) <> 1
    union all
    select 'a pending reader has ' || count(n.id) || ' mails'
    from subscription s left join notice n on n.subscriber_id = s.subscriber_id
    where s.state = 'pending' group by s.id having count(n.id) <> 1
    union all
    select 'cohort ' || c.id || ' has ' || c.members || ' members instead of ' || count(s.id)
    from cohort c left join subscription s on s.cohort_id = c.id group by c.id having c.members <> count(s.id)
    limit 6`)
  return found.rows.map(({ what }) => what)
}

/** The counts add up, and all that was rejected is kept, once. */
function judgeResult(result: ImportResult | undefined, rejects: number): readonly string[] {
  if (result === undefined) return ['the import said nothing']
  const { rows, rejectsFile: _, ...counts } = result
  const sum = Object.values(counts).reduce((total, count) => total + count, 0)
  return [
    ...(rows === ROWS.length && sum === rows ? [] : [`${rows} rows are ${sum} of ${ROWS.length}`]),
    ...(counts.rejected === REJECTED + 1 ? [] : [`${counts.rejected} rows are rejected instead of ${REJECTED + 1}`]),
    ...(rejects === REJECTED + 1 ? [] : [`${rejects} rejects are kept instead of ${REJECTED + 1}`]),
  ]
}

async function judgeAll(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ active: number; pending: number; mails: number }>(sql`
    select count(*) filter (where state = 'active') as active, count(*) filter (where state = 'pending') as pending,
      (select count(*) from notice) as mails
    from subscription`)
  const { active, pending, mails } = found.rows[0] ?? { active: 0, pending: 0, mails: 0 }
  const isAsWritten = active === ADDED + LATE && pending === PENDING && mails === PENDING
  return isAsWritten ? [] : [`of ${SUBSCRIPTIONS} readers ${active} are active, ${pending} pending with ${mails} mails`]
}

export const IMPORTING: readonly Scenario[] = [importing]
