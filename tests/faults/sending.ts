import { sql } from 'drizzle-orm'
import { claimDue } from '../../src/delivery/claim.ts'
import { hasDueBatch, leaseBatch } from '../../src/delivery/lease.ts'
import { sendEdition } from '../../src/delivery/worker.ts'
import { deliverDue } from '../../src/scheduler/deliver-due.ts'
import { planByHand } from '../support/planned.ts'
import { makeWorld } from '../support/world.ts'
import { addArticles } from './articles.ts'
import { judgeDeliveries, judgeOpen } from './promises.ts'
import { type Ending, PAST_LEASE, type Scenario } from './scenario.ts'
import { PAUSE_MS, SLOW_MS, type System } from './system.ts'

/** An edition on its way. */
type Sent = {
  readonly newsletterId: number
  readonly editionId: number
  /** Of the relay's calls, the first of this scenario. */
  readonly firstCall: number
}

const READERS = 10
/** Editions until everybody has everything, whatever was put off or in doubt. */
const MOST_ROUNDS = 3
const address = (reader: number) => `leser${reader}@morgen.example`
/** Deferred once, gone for good, unsubscribed after planning, refused once for what the message says. */
const [BUSY, GONE, UNSUBSCRIBED, REFUSED] = [6, 2, 3, 4]
const ARTICLES = 3
/** What a relay put off is tried again by then, also where it was tried several times before. */
const PAST_RETRY = { hours: 2 }

/** Plans an edition in three variants; a worker that died has claimed some of it. */
export async function prepareSending({ db, relay, clock, rowsOf }: System): Promise<Sent> {
  const rows = await rowsOf('sending', async (noon) => {
    const world = await makeWorld(db)
    const { newsletterId } = world
    await world.addReaders(READERS - 4)
    await world.addReaders(2, { locale: 'en' })
    await world.addReaders(2, { format: 'plain' })
    await addArticles(db, ARTICLES)
    const editionId = await planByHand(db, world, noon)
    await db.execute(sql`
      update subscription set state = 'unsubscribed'
      where subscriber_id = (select id from subscriber where email = ${address(UNSUBSCRIBED)})`)
    const lease = await leaseBatch(db, 'a dead worker', editionId, noon.now())
    if (lease !== null) await claimDue(db, lease, 2, noon.now())
    return { newsletterId, editionId }
  })
  clock.skip(PAST_LEASE)
  const replies = new Map([
    [address(BUSY), '451 4.3.0 come back later'],
    [address(REFUSED), '550 5.7.1 not this'],
  ])
  relay.refuse = (to) => {
    if (to === address(GONE)) return '550 5.1.1 nobody of that name'
    const reply = replies.get(to) ?? null
    replies.delete(to)
    return reply
  }
  relay.pauseMs = PAUSE_MS
  return { ...rows, firstCall: relay.calls.length }
}

/** Goes on until all is final, sends one more edition, and holds everything against the promises. */
export async function judgeSending(system: System, sent: Sent, { left, signal }: Ending): Promise<readonly string[]> {
  const { db, clock, relay, sender } = system
  relay.pauseMs = 0
  const deliver = () => deliverDue(db, { sender }, clock, signal)
  if (left) {
    // The next edition comes before anybody goes on with the one that was left.
    await addArticles(db, ARTICLES)
    await sendEdition(db, sender, await planByHand(db, sent, clock), clock, () => {}, signal)
    clock.skip(PAST_LEASE)
    await deliver()
  }
  const broken = await judgeOpen(system)
  if (!left) await addArticles(db, ARTICLES)
  const wanted = Array.from({ length: READERS }, (_, index) => index + 1)
    .filter((reader) => reader !== GONE && reader !== UNSUBSCRIBED)
    .map((reader) => ({ address: address(reader), articles: ARTICLES * 2 }))
  for (let round = 1; ; round += 1) {
    clock.skip(PAST_RETRY)
    await planByHand(db, sent, clock)
    await deliver()
    const found = await judgeDeliveries(system, relay.calls.slice(sent.firstCall), wanted)
    // What was in doubt when an edition was planned comes with the one after it.
    if (found.length === 0 || round === MOST_ROUNDS) return [...broken, ...found]
  }
}

type Work = (system: System, sent: Sent, signal: AbortSignal) => Promise<unknown>

const scenario = (name: string, work: Work, change: (system: System) => void | Promise<void> = () => {}): Scenario => ({
  name,
  prepare: async (system) => {
    const sent = await prepareSending(system)
    await change(system)
    return {
      work: async (signal) => {
        await work(system, sent, signal)
      },
      judge: async (ending) => {
        await system.relay.revive()
        return judgeSending(system, sent, ending)
      },
    }
  },
})

const sendAll: Work = ({ db, sender, clock }, { editionId }, signal) =>
  sendEdition(db, sender, editionId, clock, () => {}, signal)

/** All ways an edition is sent; the first takes most of the statements. */
export const SENDING: readonly Scenario[] = [
  scenario('sending an edition', sendAll),
  scenario('sending an edition to a relay that takes its time', sendAll, ({ relay }) => {
    relay.pauseMs = SLOW_MS
  }),
  // What was claimed a second ago is looked at again.
  scenario('sending an edition while the database takes its time', sendAll, ({ failing }) =>
    failing.slow(/prepared claim/, SLOW_MS),
  ),
  scenario('sending an edition to a relay that is gone', sendAll, ({ relay }) => relay.fall()),
  scenario('delivering all that is due', async ({ db, sender, clock }, _, signal) => {
    if (await hasDueBatch(db, clock.now())) await deliverDue(db, { sender }, clock, signal)
  }),
]
