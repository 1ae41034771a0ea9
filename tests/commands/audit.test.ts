import { userInfo } from 'node:os'
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { handClock } from '../support/clock.ts'
import { courantOn } from '../support/command-line.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db } = await freshDatabase()
const sink = freshSinks()

test('what is changed on the command line is audited under the name of its user, without addresses and texts', async () => {
  const smtp = await sink()
  const config = readConfig({ SECRET: 'x'.repeat(32), SMTP_URL: `${smtp.url}?connections=1` })
  const courant = courantOn({ db, config, clock: handClock(NOON) })
  const world = await makeWorld(db, 'morgen')
  await world.addReaders(2)
  await world.addArticles(2)

  await courant('newsletter', 'set', 'morgen', '--reply-to', 'post@morgen.example', '--intro', 'Guten Tag')
  await courant('subscriber', 'add', 'neu@morgen.example', '--confirmed', '--evidence', 'card of neu@morgen.example')
  await courant('digest', 'test', 'morgen', '--to', 'chef@morgen.example')
  await courant('digest', 'send', 'morgen', '--key', 'heute', '--dry-run')
  const sent = await courant('digest', 'send', '--key', 'heute')
  const [{ edition }] = sent.results as [{ edition: number }]
  await courant('article', 'hide', '1', '1', '--yes')
  await courant('edition', 'show', String(edition))
  await courant('notice', 'resume')
  await expect(courant('edition', 'pause', String(edition))).rejects.toMatchObject({ code: 'edition.state' })

  const lines = await db.execute<{ operation: string; subject: string | null; details: unknown; who: string }>(sql`
    select operation, subject, details, actor_kind || ' ' || actor_name as who from audit_log order by id`)
  expect(lines.rows.map(({ who: _, ...line }) => line)).toEqual([
    { operation: 'newsletter.set', subject: 'morgen', details: { changed: ['intro', 'replyTo'] } },
    { operation: 'subscriber.add', subject: 'morgen', details: { kind: 'added', confirmed: true } },
    { operation: 'digest.test', subject: 'morgen', details: {} },
    { operation: 'digest.send', subject: 'morgen', details: { key: 'heute', toOne: false } },
    { operation: 'article.hide', subject: null, details: { articles: [1] } },
    { operation: 'notice.resume', subject: null, details: { resumed: 0, accepted: false } },
  ])
  expect(new Set(lines.rows.map(({ who }) => who))).toEqual(new Set([`cli ${userInfo().username}`]))
  const listed = await courant('audit', 'list', '--limit', '2')
  expect(listed.results).toMatchObject([{ operation: 'notice.resume' }, { operation: 'article.hide', subject: null }])
  expect(JSON.stringify(lines.rows)).not.toMatch(/@|Guten Tag|card/)
})
