import { randomBytes } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import { newsletter } from '../../src/db/schema/newsletter.ts'
import { notice } from '../../src/db/schema/subscriber.ts'
import { sendNotices } from '../../src/delivery/notices/send-notices.ts'
import { sendTest } from '../../src/delivery/test-mail.ts'
import { sendEdition } from '../../src/delivery/worker.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import type { Sink } from '../support/smtp.ts'
import { makeWorld, NOON, type World } from '../support/world.ts'
import { expectWellFormed, goldenOf } from './caught.ts'

const { db } = await freshDatabase()
const sink = freshSinks()
let smtp: Sink
let world: World
beforeEach(async () => {
  smtp = await sink()
  world = await makeWorld(db)
  await db.execute(sql`update newsletter set reply_to = 'leserbriefe@example.org', name = 'Welt & Straße',
    from_name = 'Welt & Straße'`)
})

type Locale = 'de' | 'en'

async function catchNotice(kind: 'confirmation' | 'reminder', locale: Locale): Promise<void> {
  const subscriptionIds = [...(await world.addReaders(1, { locale, state: 'pending' }))]
  await db.insert(notice).values({
    kind,
    subscriberId: 1,
    payload: { subscriptionIds },
    nonce: randomBytes(16),
    dueAt: NOON,
    createdAt: NOON,
  })
  await sendNotices(db, await senderTo(smtp.url), handClock(NOON))
}

async function catchDigest(locale: Locale): Promise<void> {
  await world.addReaders(1, { locale })
  await world.addArticles(3)
  await sendEdition(db, await senderTo(smtp.url), await planByHand(db, world), handClock(NOON))
}

async function catchTest(locale: Locale): Promise<void> {
  await world.addReaders(1, { locale })
  await world.addArticles(3)
  const [of] = await db.select().from(newsletter).where(eq(newsletter.id, world.newsletterId)).limit(1)
  if (of === undefined) throw new Error('there is no newsletter')
  const options = { to: 'redaktion@verlag.example', subscriber: 'leser1@morgen.example' }
  await sendTest(db, await senderTo(smtp.url), of, options, handClock(NOON))
}

const KINDS: Record<string, (locale: Locale) => Promise<void>> = {
  confirmation: (locale) => catchNotice('confirmation', locale),
  reminder: (locale) => catchNotice('reminder', locale),
  digest: catchDigest,
  test: catchTest,
}
const CASES = Object.keys(KINDS).flatMap((kind) => [[kind, 'de'] as const, [kind, 'en'] as const])

describe('each kind of mail, as a relay gets it', () => {
  test.each(CASES)('%s in %s has the headers of its golden file, and is well-formed', async (kind, locale) => {
    await KINDS[kind]?.(locale)
    const [caught] = smtp.messages
    if (caught === undefined) throw new Error('nothing was sent')
    await expectWellFormed(caught, locale)
    await expect(goldenOf(caught)).toMatchFileSnapshot(`golden/${kind}-${locale}.txt`)
  })
})
