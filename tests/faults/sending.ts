import { sql } from 'drizzle-orm'
import { claimDue } from '../../src/deliver/send/claim.ts'
import { hasDueShare, leaseShare } from '../../src/deliver/send/lease.ts'
import { sendEdition } from '../../src/deliver/send.ts'
import { deliverDue } from '../../src/schedule/deliver.ts'
import { planByHand } from '../support/planned.ts'
import { makeWorld, type World } from '../support/world.ts'
import { judgeDeliveries, judgeOpen } from './promises.ts'
import { type Ending, PAST_LEASE, type Scenario } from './scenario.ts'
import { PAUSE_MS, SLOW_MS, type System } from './system.ts'

/** An edition on its way, and who is to get what. */
export type Sent = {
  readonly world: World
  readonly editionId: number
  /** Of the relay's calls, the first of this scenario. */
  readonly firstCall: number
}

const READERS = 14
const address = (reader: number) => `leser${reader}@morgen.example`
/** Deferred once, gone for good, unsubscribed after planning, refused once for what the message says. */
const [BUSY, GONE, UNSUBSCRIBED, REFUSED] = [1, 2, 3, 4]
const ARTICLES = 3
/** What a relay put off is tried again by then, also where it was tried several times before. */
const PAST_RETRY = { hours: 2 }

/** Plans an edition in three variants; a worker that died has claimed some of it. */
export async function prepareSending({ db, relay, clock }: System): Promise<Sent> {
  const world = await makeWorld(db)
  await world.addReaders(READERS - 6)
  await world.addReaders(3, { locale: 'en' })
  await world.addReaders(3, { format: 'plain' })
  await world.addArticles(ARTICLES)
  const editionId = await planByHand(db, world, clock)
  await db.execute(sql`
    update subscription set state = 'left'
    where subscriber_id = (select id from subscriber where email = ${address(UNSUBSCRIBED)})`)
  const lease = await leaseShare(db, 'a dead worker', editionId, clock.now())
  if (lease !== null) await claimDue(db, lease, 3, clock.now())
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
  return { world, editionId, firstCall: relay.calls.length }
}

/** Goes on until all is final, sends one more edition, and holds everything against the promises. */
export async function judgeSending(system: System, sent: Sent, { left, signal }: Ending): Promise<readonly string[]> {
  const { db, clock, relay, sender } = system
  const send = (editionId: number) => sendEdition(db, sender, editionId, clock, () => {}, signal)
  const sendNext = async () => {
    await sent.world.addArticles(ARTICLES)
    await send(await planByHand(db, sent.world, clock))
  }
  if (left) await sendNext()
  else clock.skip(PAST_LEASE)
  await send(sent.editionId)
  const broken = [...(await judgeOpen(system))]
  for (let tries = 0; tries < 2; tries += 1) {
    clock.skip(PAST_RETRY)
    await deliverDue(db, { sender }, clock, signal)
  }
  if (!left) await sendNext()
  // What the first edition gave back, or what was in doubt when the next one was planned.
  const last = await planByHand(db, sent.world, clock)
  if (last !== 0) await send(last)
  const wanted = Array.from({ length: READERS }, (_, index) => index + 1)
    .filter((reader) => reader !== GONE && reader !== UNSUBSCRIBED)
    .map((reader) => ({ address: address(reader), articles: ARTICLES * 2 }))
  return [...broken, ...(await judgeDeliveries(system, relay.calls.slice(sent.firstCall), wanted))]
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
        Object.assign(system.relay, { pauseMs: PAUSE_MS })
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
  scenario('sending an edition to a relay that is gone', sendAll, ({ relay }) => relay.fall()),
  scenario('delivering all that is due', async ({ db, sender, clock }, _, signal) => {
    if (await hasDueShare(db, clock.now())) await deliverDue(db, { sender }, clock, signal)
  }),
]
