import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { sendEdition } from '../../../src/delivery/worker.ts'
import { cancelEdition } from '../../../src/editions/lifecycle/cancel.ts'
import { pauseEdition, resumeEdition } from '../../../src/editions/lifecycle/pause-resume.ts'
import { withdrawArticles } from '../../../src/editions/lifecycle/withdraw-articles.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { CourantError } from '../../../src/errors.ts'
import { articleNumbers } from '../../delivery/article-numbers.ts'
import { handClock } from '../../support/clock.ts'
import { openTestDatabase } from '../../support/database.ts'
import { planByHand } from '../../support/planned.ts'
import { senderTo } from '../../support/sender.ts'
import { startSink } from '../../support/smtp.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'

const { db, truncate, close } = await openTestDatabase()
/** How the relay answers for each reader; it accepts all others. */
let answers: ReadonlyMap<string, string> = new Map()
const smtp = await startSink({ reply: ({ to }) => answers.get(to) ?? null })
const sender = await senderTo(`${smtp.url}?connections=2`)
afterAll(async () => {
  await smtp.close()
  await close()
})

type Act =
  | { readonly kind: 'publish'; readonly topic: number }
  | { readonly kind: 'plan' }
  /** Readers who are deferred, and readers who are rejected, by their number. */
  | { readonly kind: 'send'; readonly later: readonly number[]; readonly refused: readonly number[] }
  | { readonly kind: 'pause' | 'resume' | 'cancel' | 'hide'; readonly pick: number }

const READERS = 8
const numbers = fc.uniqueArray(fc.integer({ min: 1, max: READERS }), { maxLength: READERS })
const acts = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('publish' as const), topic: fc.nat(2) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('plan' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), later: numbers, refused: numbers }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constantFrom('pause', 'resume', 'cancel', 'hide' as const), pick: fc.nat(5) }),
    },
  ),
  { minLength: 4, maxLength: 12 },
)

const address = (number: number) => `leser${number}@morgen.example`

type Play = {
  readonly world: World
  readonly topics: readonly number[]
  readonly clock: ReturnType<typeof handClock>
  /** The topic of each article (0: none), and whether it is hidden, by its number. */
  readonly articles: { topic: number; hidden: boolean }[]
}

/** Three readers chose all topics, three the first, and two in another cohort the second. */
async function open(): Promise<Play> {
  await truncate()
  const world = await makeWorld(db)
  const topics = [await world.addTopic('Sport'), await world.addTopic('Kultur')]
  await world.addReaders(3)
  await world.addReaders(3, { topics: topics.slice(0, 1) })
  await world.addReaders(2, { topics: topics.slice(1), cohortId: await world.addCohort('Asia/Tokyo', 7) })
  return { world, topics, clock: handClock(NOON), articles: [] }
}

async function publish({ world, topics, articles }: Play, topic: number): Promise<void> {
  await world.addArticles(1, topic === 0 ? [] : [topics[topic - 1] ?? 0])
  articles.push({ topic, hidden: false })
}

const editions = async () =>
  (await db.execute<{ id: number; state: string }>(sql`select id, state from edition order by id`)).rows

async function perform(play: Play, act: Act): Promise<void> {
  play.clock.advance({ minutes: 10 })
  switch (act.kind) {
    case 'publish':
      return publish(play, act.topic)
    case 'plan':
      await planByHand(db, play.world, play.clock)
      return
    case 'send':
      answers = new Map([
        ...act.later.map((number) => [address(number), '451 4.3.0 busy'] as const),
        ...act.refused.map((number) => [address(number), '550 5.7.1 not this'] as const),
      ])
      return sendOpen(play)
    case 'hide': {
      const number = act.pick % Math.max(play.articles.length, 1)
      const article = play.articles[number]
      if (article === undefined) return
      await withdrawArticles(db, [number + 1], 'hidden', play.clock)
      article.hidden = true
      if (!smtpAtHiding.has(number + 1)) smtpAtHiding.set(number + 1, smtp.messages.length)
      return
    }
    default:
      return control(play, act.kind, act.pick)
  }
}

/** How many messages there were when an article was hidden. */
const smtpAtHiding = new Map<number, number>()

async function control(play: Play, kind: 'pause' | 'resume' | 'cancel', pick: number): Promise<void> {
  const known = await editions()
  const edition = known[known.length - 1 - (pick % Math.max(known.length, 1))]
  if (edition === undefined) return
  const act = {
    pause: () => pauseEdition(db, edition.id),
    resume: () => resumeEdition(db, edition.id, play.clock.now()),
    cancel: () => cancelEdition(db, edition.id, play.clock),
  }[kind]
  await act().catch((error) => {
    if (!(error instanceof CourantError && error.code === 'edition.state')) throw error
  })
}

async function sendOpen(play: Play): Promise<void> {
  for (const { id, state } of await editions()) if (state === 'sending') await sendEdition(db, sender, id, play.clock)
}

/** Of every edition and batch: the counters are the deliveries, and planned is the sum of the states. */
async function expectCounts(): Promise<void> {
  const wrong = await db.execute(sql`
    select s.id from batch s
    join lateral (
      select count(*) as planned, count(*) filter (where state = 'sending') as sending,
        count(*) filter (where state = 'sent') as sent, count(*) filter (where state = 'deferred') as deferred,
        count(*) filter (where state = 'failed') as failed, count(*) filter (where state = 'skipped') as skipped,
        count(*) filter (where state = 'suppressed') as suppressed,
        count(*) filter (where state = 'superseded') as superseded,
        count(*) filter (where state = 'cancelled') as cancelled,
        count(*) filter (where state in ('queued', 'deferred', 'sending')) as open
      from delivery d where d.edition_id = s.edition_id and d.seq between s.from_seq and s.to_seq
    ) d on true
    where (d.planned, d.sending, d.sent, d.deferred, d.failed, d.skipped, d.suppressed, d.superseded, d.cancelled)
        <> (s.to_seq - s.from_seq + 1, s.sending, s.sent, s.deferred, s.failed, s.skipped, s.suppressed, s.superseded, s.cancelled)
      or (s.due_at is not null) <> (d.open > 0)`)
  expect(wrong.rows).toEqual([])
  for (const { id } of await editions()) {
    const { planned, ...states } = await countDeliveries(db, id)
    expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(planned)
    expect(states.queued).toBeGreaterThanOrEqual(0)
  }
}

/** Resumes everything, accepts everything, and adds one more article for every reader. */
async function finish(play: Play): Promise<void> {
  await publish(play, 1)
  await publish(play, 2)
  for (const { id, state } of await editions()) if (state === 'paused') await resumeEdition(db, id, play.clock.now())
  await perform(play, { kind: 'plan' })
  play.clock.advance({ hours: 5 })
  await perform(play, { kind: 'send', later: [], refused: [] })
}

/** The articles each message to a reader shows, in the order of the messages. */
async function read(from: number): Promise<readonly { to: string; at: number; shows: readonly number[] }[]> {
  return Promise.all(
    smtp.messages.slice(from).map(async ({ to, raw }, index) => {
      return { to, at: from + index, shows: await articleNumbers(raw) }
    }),
  )
}

const takes = (reader: number, topic: number) => reader <= 3 || (reader <= 6 ? topic === 1 : topic === 2)

test('after any pausing, resuming, cancelling and hiding during sends the counts add up, and the next plan brings every reader what is missing, nothing twice', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (given) => {
      const from = smtp.messages.length
      smtpAtHiding.clear()
      const play = await open()
      for (const act of given) {
        await perform(play, act)
        await expectCounts()
      }
      await finish(play)
      await expectCounts()
      const mails = await read(from)
      for (let reader = 1; reader <= READERS; reader += 1) {
        const shown = mails.filter(({ to }) => to === address(reader)).flatMap(({ shows }) => shows)
        expect(shown.length).toBe(new Set(shown).size)
        const wanted = play.articles.flatMap(({ topic, hidden }, index) =>
          !hidden && takes(reader, topic) ? [index + 1] : [],
        )
        expect(shown).toEqual(expect.arrayContaining(wanted))
      }
      for (const [number, at] of smtpAtHiding)
        expect(mails.filter((mail) => mail.at >= at && mail.shows.includes(number))).toEqual([])
    }),
    { numRuns: 15 },
  )
})
