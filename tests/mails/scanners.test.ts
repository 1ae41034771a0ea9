import { eq } from 'drizzle-orm'
import PostalMime from 'postal-mime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newsletter } from '../../src/db/schema/newsletter.ts'
import { sendNotices } from '../../src/delivery/notices/send-notices.ts'
import { sendTest } from '../../src/delivery/test-mail.ts'
import { sendEdition } from '../../src/delivery/worker.ts'
import { queueReminders } from '../../src/subscribers/confirmation/remind.ts'
import { openTestDatabase } from '../support/database.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import { type Received, startSink } from '../support/smtp.ts'
import { makeWorld } from '../support/world.ts'
import { dump, makeSite } from '../web/site.ts'

const { db, close } = await openTestDatabase()
const smtp = await startSink()
afterAll(async () => {
  await smtp.close()
  await close()
})

const KINDS = ['confirmation', 'reminder', 'digest', 'test'] as const
const mails = new Map<string, Received>()
const sender = await senderTo(smtp.url)
const { context } = sender
const site = makeSite(db, { linkKeys: context.linkKeys, config: { baseUrl: context.baseUrl } })

/** A reader who is asked, reminded, confirms, and gets a digest; an editor who gets a test. */
beforeAll(async () => {
  const world = await makeWorld(db)
  await world.addArticles(20)
  await site.post('/subscribe', { newsletter: 'morgen', email: 'neu@example.net' })
  await sendNotices(db, sender, site.clock)
  site.clock.advance({ hours: 49 })
  await queueReminders(db, site.clock.now())
  await sendNotices(db, sender, site.clock)
  await world.addReaders(1)
  await sendEdition(db, sender, await planByHand(db, world, site.clock), site.clock)
  const [of] = await db.select().from(newsletter).where(eq(newsletter.id, world.newsletterId))
  if (of === undefined) throw new Error('there is no newsletter')
  await sendTest(db, sender, of, { to: 'redaktion@example.org' }, site.clock)
  for (const [index, mail] of smtp.messages.entries()) mails.set(KINDS[index] ?? '', mail)
})

/** Every address of ours in a mail: in its header, its HTML and its text. */
async function linksOf(mail: Received | undefined): Promise<readonly string[]> {
  const parsed = await PostalMime.parse(mail?.raw ?? '')
  const header = parsed.headers.map(({ value }) => value).join(' ')
  const found = `${header} ${parsed.html?.replaceAll('&amp;', '&')} ${parsed.text}`.matchAll(
    /https:\/\/digest\.example\.org[^\s"<>]*/g,
  )
  return [...new Set([...found].map(([url]) => url))]
}

test.each(KINDS)('a scanner that follows every link of a %s twice changes nothing', async (kind) => {
  const links = await linksOf(mails.get(kind))
  expect(links.length).toBeGreaterThan(0)
  const before = await dump(db)
  for (const link of links)
    for (const method of ['GET', 'HEAD', 'GET', 'HEAD']) {
      const path = link.slice(context.baseUrl.length)
      const answer = await site.app.request(path, { method })
      // The links of a test act on nobody, and lead to a page that says so.
      expect([path, method, answer.status]).toEqual([
        path,
        method,
        kind === 'test' && /unsubscribe/.test(path) ? 404 : 200,
      ])
    }
  expect(await dump(db)).toEqual(before)
})
