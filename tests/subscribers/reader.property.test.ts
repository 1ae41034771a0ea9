import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import { startOf } from '../../src/newsletters/schedule/slots.ts'
import { expireRequests } from '../../src/subscribers/confirmation/expire.ts'
import { queueReminders } from '../../src/subscribers/confirmation/remind.ts'
import { mayMail, type SubscriptionState } from '../../src/subscribers/permission.ts'
import type { UnsubscribeView } from '../../src/subscribers/unsubscribe/find-by-token.ts'
import { type HandClock, handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import { addTagblatt, NOON, ZWEI } from './fixtures.ts'
import { ask, confirmMail, leaveAll, leaveOne, sendMails, undo } from './readers.ts'

const { db, truncate } = await freshDatabase()

type Action =
  | { readonly kind: 'ask'; readonly of: readonly number[]; readonly hour: number }
  | { readonly kind: 'confirm'; readonly mail: number }
  /** Asks, and confirms what was mailed, if anything was. */
  | { readonly kind: 'join'; readonly of: number }
  | { readonly kind: 'leave'; readonly of: number; readonly all: boolean }
  | { readonly kind: 'undo' | 'mail' | 'plan' | 'tick' }
  | { readonly kind: 'wait'; readonly hours: number }

const oneOf = fc.constantFrom
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: oneOf('ask' as const), of: oneOf([1], [2], [1, 2]), hour: oneOf(7, 18) }) },
  { weight: 5, arbitrary: fc.record({ kind: oneOf('join' as const), of: oneOf(1, 2) }) },
  { weight: 2, arbitrary: fc.record({ kind: oneOf('confirm' as const), mail: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: oneOf('leave' as const), of: oneOf(1, 2), all: fc.boolean() }) },
  // It counts only after leaving and within the hour.
  { weight: 5, arbitrary: fc.record({ kind: oneOf('undo' as const) }) },
  { weight: 7, arbitrary: fc.record({ kind: oneOf('mail' as const, 'plan' as const, 'tick' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: oneOf('wait' as const), hours: oneOf(1, 30, 50, 200) }) },
)

type Row = {
  id: number
  newsletter_id: number
  state: SubscriptionState
  seen: number
  hour: number
  /** The last action on record. */
  said: string | null
}
const readRows = async () =>
  (
    await db.execute<Row>(sql`
      select s.id, s.newsletter_id, s.state, coalesce(s.seen_entry_id, c.seen_entry_id) as seen, c.hour,
        (select action from consent_record where subscription_id = s.id order by id desc limit 1) as said
      from subscription s join cohort c on c.id = s.cohort_id order by s.id`)
  ).rows

/** One reader, two newsletters; what they were sent by newsletter, and the last entry planned for them. */
type World = {
  readonly clock: HandClock
  readonly newsletters: readonly Newsletter[]
  readonly seen: Map<number, number>
  left: UnsubscribeView | null
}

test('whatever a reader does: no form undoes a confirmation, no digest without one, no article twice or missed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 14 }), async (actions) => {
      await truncate()
      const newsletters = [await addTagblatt(db), await addTagblatt(db, ZWEI)]
      const world: World = { clock: handClock(NOON), newsletters, seen: new Map(), left: null }
      let before: readonly Row[] = []
      for (const one of actions) {
        await act(world, one)
        const after = await readRows()
        await check(world, one, before, after)
        before = after
      }
    }),
    { numRuns: 25 },
  )
}, 300_000)

async function act(world: World, one: Action): Promise<void> {
  const now = world.clock.now()
  switch (one.kind) {
    case 'ask': {
      const chosen = one.of.flatMap((id) => world.newsletters[id - 1] ?? [])
      await ask(db, chosen, now, { schedule: { frequency: null, weekday: null, hour: one.hour, zone: null } })
      return
    }
    case 'confirm':
      await confirmMail(db, one.mail, now)
      return
    case 'join': {
      await ask(db, [world.newsletters[one.of - 1] ?? never()], now)
      for (const mail of await sendMails(db, now)) await confirmMail(db, mail, now)
      return
    }
    case 'leave':
      world.left = (one.all ? await leaveAll(db, one.of, now) : await leaveOne(db, one.of, now)) ?? world.left
      return
    case 'undo':
      await undo(db, world.left, now)
      return
    case 'mail':
      await sendMails(db, now)
      return
    case 'tick':
      await queueReminders(db, now)
      await expireRequests(db, now)
      return
    case 'plan':
      await plan(world)
      return
    case 'wait':
      world.clock.advance({ hours: one.hours })
  }
}

/** An article for each newsletter, and all cohorts planned: who is active gets what is above their watermark. */
async function plan(world: World): Promise<void> {
  const at = world.clock.now().toString()
  await db.execute(sql`insert into source (kind, url, created_at) values ('api', 'api', ${at}) on conflict do nothing`)
  const made = await db.execute<{ id: number; newsletter_id: number }>(sql`
    with made as (
      insert into article (source_id, url, url_key, title, title_key, text_hash, created_at, updated_at)
      select id, 'https://tagblatt.example', 'x', 'x', 'x', 'x', ${at}, ${at} from source returning id)
    insert into entry (newsletter_id, article_id, created_at)
    select n.id, made.id, ${at}::timestamptz from newsletter n, made returning id, newsletter_id`)
  const rows = await readRows()
  for (const { id, newsletter_id: newsletterId } of made.rows) {
    const row = rows.find((one) => one.newsletter_id === newsletterId)
    if (row?.state === 'active') {
      // Their digest begins right after the last one they were sent: nothing twice, nothing missed.
      expect(row.seen).toBe(world.seen.get(newsletterId))
      world.seen.set(newsletterId, id)
    }
  }
  await db.execute(
    sql`update cohort c set seen_entry_id = (select max(id) from entry where newsletter_id = c.newsletter_id)`,
  )
  await db.execute(sql`update subscription set seen_entry_id = null where state = 'active'`)
}

async function check(world: World, one: Action, before: readonly Row[], after: readonly Row[]): Promise<void> {
  for (const row of after) {
    const was = before.find(({ id }) => id === row.id)
    const wasActive = was?.state === 'active'
    if (wasActive && row.state !== 'active') expect([one.kind, row.state]).toEqual(['leave', 'unsubscribed'])
    if (!wasActive && row.state === 'active') {
      expect(['confirm', 'join', 'undo']).toContain(one.kind)
      if (one.kind === 'confirm') expect(was?.state).toBe('pending')
      if (one.kind !== 'undo') await start(world, row)
      expect(row.seen).toBe(world.seen.get(row.newsletter_id))
    }
    const digest = mayMail({ purpose: 'digest', subscriptionState: row.state, suppressed: false }).may
    expect(digest).toBe(row.state === 'active' && isProven(row))
    if (was?.state === 'unsubscribed' && row.state !== 'unsubscribed')
      expect(['ask', 'join', 'undo']).toContain(one.kind)
  }
  for (const row of before)
    if (!after.some(({ id }) => id === row.id))
      expect([one.kind, row.state]).toEqual(['tick', expect.stringMatching(/pending|unsubscribed/)])
}

/** The last word on record is the reader's yes. */
const isProven = ({ said }: Row) => said === 'confirmed' || said === 'resumed'

/** Where a new reader starts, or where they had got to before. */
async function start(world: World, row: Row): Promise<void> {
  const schedule = { frequency: 'daily', weekday: null, hour: row.hour, zone: 'Europe/Berlin' } as const
  const found = await db.execute<{ start: number }>(sql`
    select coalesce(max(id), 0) as start from entry
    where newsletter_id = ${row.newsletter_id} and created_at <= ${startOf(schedule, world.clock.now()).toString()}`)
  world.seen.set(row.newsletter_id, Math.max(found.rows[0]?.start ?? 0, world.seen.get(row.newsletter_id) ?? 0))
}

function never(): never {
  throw new RangeError('no such newsletter')
}
