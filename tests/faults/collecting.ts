import { sql } from 'drizzle-orm'
import { collectSources } from '../../src/articles/collect.ts'
import { attachSource } from '../../src/articles/sources/attach.ts'
import type { Database } from '../../src/db/client.ts'
import { type FeedServer, writeRss } from '../support/feeds.ts'
import { makeWorld, NOON } from '../support/world.ts'
import type { Scenario } from './scenario.ts'
import type { System } from './system.ts'

const item = (name: string) => ({
  ...{ guid: name, link: `https://kurier.example/${name}`, title: `Titel ${name}`, description: `Text von ${name}.` },
  pubDate: new Date(NOON.epochMilliseconds - 3_600_000).toUTCString(),
})

/** Five articles in all: one is in two feeds, one was collected before. */
const ARTICLES = 5
const SOURCES = 4

/** Sources of two hosts; one fails, one has nothing new. */
export function collectingFrom([one, other]: readonly [FeedServer, FeedServer]): readonly Scenario[] {
  one.set('/first.xml', writeRss([item('a'), item('b'), item('c')]))
  other.set('/second.xml', writeRss([item('c'), item('d')]))
  other.set('/known.xml', writeRss([item('e')]))
  const collect = ({ db, clock }: Pick<System, 'db' | 'clock'>) =>
    collectSources(db, { sourceIds: null, clock, userAgent: 'Courant/test', allowPrivate: true })
  const collecting: Scenario = {
    name: 'collecting articles',
    prepare: async ({ db, clock, rowsOf }) => {
      await rowsOf('collecting', async (noon) => {
        const { newsletterId, sourceId } = await makeWorld(db)
        await db.execute(sql`delete from source where id = ${sourceId}`)
        const add = (url: string) =>
          attachSource(db, { url, newsletterId, backfillDays: 7, allowPrivate: true }, noon.now())
        await add(other.url('/known.xml'))
        await collectSources(db, { sourceIds: null, clock: noon, userAgent: 'Courant/test', allowPrivate: true })
        for (const url of [one.url('/first.xml'), one.url('/missing.xml'), other.url('/second.xml')]) await add(url)
      })
      clock.skip({ hours: 1 })
      return {
        work: async () => {
          await collect({ db, clock })
        },
        judge: async ({ left }) => {
          const broken = [...(await judgeWhole(db)), ...(await judgeOthers(db, left ? 2 : SOURCES))]
          clock.skip({ minutes: 2 })
          await collect({ db, clock })
          return [...broken, ...(await judgeWhole(db)), ...(await judgeAll(db))]
        },
      }
    },
  }
  return [collecting]
}

/** Whatever was stored is whole: each article is shown, once. */
async function judgeWhole(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ what: string }>(sql`
    select 'article ' || a.title || ' has ' || count(e.id) || ' entries' as what
    from article a left join entry e on e.article_id = a.id group by a.id having count(e.id) <> 1
    union all
    select 'source ' || id || ' is stored without its articles' from source s
    where s.body_hash is not null and not exists (select from article_source x where x.source_id = s.id)`)
  return found.rows.map(({ what }) => what)
}

/** One source that fails keeps no other host's from being fetched. */
async function judgeOthers(db: Database, least: number): Promise<readonly string[]> {
  const found = await db.execute<{ fetched: number }>(sql`
    select count(*) as fetched from source where last_fetched_at > ${NOON.add({ minutes: 30 }).toString()} or failures > 0`)
  const fetched = found.rows[0]?.fetched ?? 0
  return fetched >= least ? [] : [`${fetched} sources were fetched instead of ${least}`]
}

async function judgeAll(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ articles: number; failing: number; well: number }>(sql`
    select (select count(*) from article) as articles,
      (select count(*) from source where failures > 0 and last_error is not null) as failing,
      (select count(*) from source where failures = 0 and last_error is null) as well`)
  const { articles, failing, well } = found.rows[0] ?? { articles: 0, failing: 0, well: 0 }
  return [
    ...(articles === ARTICLES ? [] : [`there are ${articles} articles instead of ${ARTICLES}`]),
    ...(failing === 1 && well === SOURCES - 1 ? [] : [`${failing} sources fail, and ${well} are well`]),
  ]
}
