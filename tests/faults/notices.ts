import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { claimNotices } from '../../src/delivery/notices/claim-notices.ts'
import { sendNotices } from '../../src/delivery/notices/send-notices.ts'
import type { Call } from '../crash/relay.ts'
import { makeWorld, NOON } from '../support/world.ts'
import { PAST_LEASE, type Scenario } from './scenario.ts'
import { PAUSE_MS, SLOW_MS, type System } from './system.ts'

const NOTICES = 9
const address = (reader: number) => `neu${reader}@leser.example`
/** Deferred once, gone for good, confirmed meanwhile. */
const [BUSY, GONE, CONFIRMED] = [4, 5, 6]

/** Readers who wait for a confirmation; a worker that died has claimed the first of them. */
async function prepareNotices({ db, relay, clock }: System): Promise<void> {
  const { newsletterId, cohortId } = await makeWorld(db)
  await db.execute(sql`
    with reader as (
      insert into subscriber (email, email_key, email_hash, locale, created_at)
      select 'neu' || n || '@leser.example', 'neu' || n || '@leser.example', decode(md5(n::text), 'hex'), 'de', ${NOON.toString()}
      from generate_series(1, ${NOTICES}::integer) n returning id
    ), asked as (
      insert into subscription (newsletter_id, subscriber_id, cohort_id, state, created_at)
      select ${newsletterId}, id, ${cohortId}, 'pending', ${NOON.toString()} from reader returning id, subscriber_id
    )
    insert into notice (kind, subscriber_id, payload, nonce, due_at, created_at)
    select 'confirmation', subscriber_id, jsonb_build_object('subscriptionIds', jsonb_build_array(id)),
      ${randomBytes(14)}::bytea || int2send(id::smallint), ${NOON.toString()}, ${NOON.toString()}
    from asked order by id`)
  await claimNotices(db, 2, clock.now())
  clock.skip(PAST_LEASE)
  await db.execute(sql`
    update subscription set state = 'active', confirmed_at = ${NOON.toString()}
    where subscriber_id = (select id from subscriber where email = ${address(CONFIRMED)})`)
  let isBusy = true
  relay.refuse = (to) => {
    if (to === address(GONE)) return '550 5.1.1 nobody of that name'
    if (to !== address(BUSY) || !isBusy) return null
    isBusy = false
    return '451 4.3.0 come back later'
  }
}

const noticing = (name: string, change: (system: System) => void): Scenario => ({
  name,
  prepare: async (system) => {
    const { db, sender, clock, relay } = system
    await prepareNotices(system)
    change(system)
    const firstCall = relay.calls.length
    const send = async (signal: AbortSignal) => {
      await sendNotices(db, sender, clock, signal)
    }
    return {
      work: send,
      judge: async ({ signal }) => {
        relay.pauseMs = 0
        clock.skip(PAST_LEASE)
        await send(signal)
        const broken = [...(await judgeWaiting(db, clock.now().toString()))]
        for (let tries = 0; tries < 2; tries += 1) {
          clock.skip({ hours: 2 })
          await send(signal)
        }
        return [...broken, ...(await judgeNotices(db, relay.calls.slice(firstCall)))]
      },
    }
  },
})

/** What is not final is due at a time of its own. */
async function judgeWaiting(db: Database, at: string): Promise<readonly string[]> {
  const found = await db.execute<{ what: string }>(sql`
    select 'notice ' || id || ' is ' || state || ' and due at ' || due_at as what from notice
    where state = 'sending' or state = 'queued' and due_at <= ${at}`)
  return found.rows.map(({ what }) => what)
}

/** Every notice is final; what is sent has come, and what has come is sent: once, or again with the same Message-ID. */
async function judgeNotices(db: Database, calls: readonly Call[]): Promise<readonly string[]> {
  const found = await db.execute<{ email: string; state: string }>(sql`
    select p.email, n.state from notice n join subscriber p on p.id = n.subscriber_id order by n.id`)
  const broken: string[] = []
  for (const { email, state } of found.rows) {
    const copies = calls.flatMap(({ taken }, call) =>
      taken.flatMap((one, place) => (one.to === email ? [{ ...one, call, isLast: place === taken.length - 1 }] : [])),
    )
    const wanted = email === address(GONE) ? 'failed' : email === address(CONFIRMED) ? 'skipped' : 'sent'
    if (state !== wanted) broken.push(`the notice to ${email} is ${state} instead of ${wanted}`)
    if ((wanted === 'sent') !== copies.length > 0)
      broken.push(`the notice to ${email} is ${state} and came ${copies.length} times`)
    const names = new Set(copies.map(({ messageId }) => messageId))
    if (names.size > 1) broken.push(`the notice to ${email} came under ${names.size} Message-IDs`)
    for (const { isLast } of copies.slice(0, -1))
      if (!isLast) broken.push(`the notice to ${email} was repeated, though its connection had gone on after it`)
  }
  const suppressed = await db.execute<{ count: number }>(sql`select count(*) from suppression where reason = 'bounced'`)
  if (suppressed.rows[0]?.count !== 1) broken.push(`${suppressed.rows[0]?.count} addresses are suppressed instead of 1`)
  return broken
}

export const NOTICES_SENT: readonly Scenario[] = [
  noticing('sending notices', ({ relay }) => {
    relay.pauseMs = PAUSE_MS
  }),
  noticing('sending notices to a relay that takes its time', ({ relay }) => {
    relay.pauseMs = SLOW_MS * 3
  }),
  // What was claimed a second ago is looked at again.
  noticing('sending notices while the database takes its time', ({ failing }) => failing.slow(/^with due as/, SLOW_MS)),
]
