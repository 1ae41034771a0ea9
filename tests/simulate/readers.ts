import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { confirm } from '../../src/subscribers/confirmation/confirm.ts'
import { type Evidence, hashAddress, readHashKey } from '../../src/subscribers/consent.ts'
import { requestByForm } from '../../src/subscribers/signup/request.ts'
import { subscribe } from '../../src/subscribers/signup/subscribe.ts'
import { undoUnsubscribe } from '../../src/subscribers/unsubscribe/undo.ts'
import { unsubscribe } from '../../src/subscribers/unsubscribe/unsubscribe.ts'
import type { Deed } from './acts.ts'
import { pickOf, type World } from './world.ts'

type DeedOf<Kind extends Deed['kind']> = Extract<Deed, { kind: Kind }>
export type ReaderDeed = DeedOf<
  'ask' | 'confirm' | 'signUp' | 'move' | 'leave' | 'undo' | 'rest' | 'return' | 'complain'
>

const SHOWN: Evidence = { shown: 'Abonnieren?', textVersion: 'v1', ip: '192.0.2.7', userAgent: 'A/1' }

const addressOf = ({ scene }: World, reader: number) => pickOf(scene.addresses, reader) ?? ''
const newsletterIdsOf = ({ newsletters }: World, reader: number) =>
  reader % 3 === 0
    ? newsletters.map(({ id }) => id)
    : newsletters.slice(reader % newsletters.length).map(({ id }) => id)

/** A form is filled in. */
export function askOf(world: World, db: Database, { reader, schedule, topics }: DeedOf<'ask'>): Promise<unknown> {
  const request = {
    newsletterIds: newsletterIdsOf(world, reader),
    email: addressOf(world, reader),
    ...{ name: null, locale: null, topics, evidence: SHOWN },
    schedule: choiceOf(world, schedule),
  }
  return requestByForm(db, request, world.clock.now())
}

function choiceOf({ scene }: World, schedule: number) {
  const wanted = pickOf(scene.choices, schedule)
  return wanted === undefined ? { frequency: null, weekday: null, hour: null, zone: null } : { ...wanted }
}

/** An administrator writes down what a reader said, with proof (`signUp`), or moves who is there. */
export async function signUpOf(world: World, db: Database, deed: DeedOf<'signUp' | 'move'>): Promise<void> {
  const confirmed = deed.kind === 'signUp' ? { evidence: 'eine Karte', at: null } : null
  for (const newsletterId of newsletterIdsOf(world, deed.reader)) {
    const wish = {
      ...{ newsletterId, email: addressOf(world, deed.reader), name: null, locale: null, format: null },
      ...{ schedule: choiceOf(world, deed.schedule), topics: deed.topics, by: 'administrator' as const, confirmed },
    }
    await subscribe(db, wish, world.clock.now())
  }
}

/** The button behind a mail's link is pressed, of an old mail perhaps. */
export async function confirmOf(world: World, db: Database, { pick }: DeedOf<'confirm'>): Promise<void> {
  const tokens = world.read.flatMap((one) =>
    one.kind === 'notice' && one.confirmToken !== null ? [one.confirmToken] : [],
  )
  const token = pickOf(tokens.slice(-4), pick)
  if (token !== undefined) await confirm(db, world.properties.keys, token, SHOWN, world.clock.now())
}

export async function leaveOf(world: World, db: Database, { pick, all }: DeedOf<'leave'>): Promise<void> {
  const tokens = world.read.flatMap((one) => (one.kind === 'digest' && one.leaveToken !== null ? [one.leaveToken] : []))
  const token = pickOf(tokens.slice(-12), pick)
  if (token === undefined) return
  world.lastLeft = await unsubscribe(db, world.properties.keys, token, { all }, SHOWN, world.clock.now())
}

export async function undoOf(world: World, db: Database): Promise<void> {
  const token = world.lastLeft?.undoToken ?? null
  if (token !== null) await undoUnsubscribe(db, world.properties.keys, token, SHOWN, world.clock.now())
}

/**
 * Pausing and coming back have no function yet: this is what the contract says of them. With its cohort held, who pauses
 * takes the watermark along, and who comes back has it until the next plan.
 */
export async function restOf(world: World, db: Database, deed: DeedOf<'rest' | 'return'>): Promise<void> {
  const [from, to] = deed.kind === 'rest' ? ['active', 'paused'] : ['paused', 'active']
  const sub = pickOf(
    world.look.subs.filter(({ state }) => state === from),
    deed.pick,
  )
  if (sub === undefined) return
  await db.transaction(async (tx) => {
    await tx.execute(sql`
      select id from cohort where id = (select cohort_id from subscription where id = ${sub.id}) for share`)
    await tx.execute(sql`
      update subscription s set state = ${to}, seen_entry_id = case when ${to} = 'paused'
        then coalesce(s.seen_entry_id, c.seen_entry_id) else nullif(s.seen_entry_id, c.seen_entry_id) end
      from cohort c where c.id = s.cohort_id and s.id = ${sub.id} and s.state = ${from}`)
  })
}

/** A provider says that the reader complained; no door takes that yet. */
export async function complainOf(world: World, db: Database, { reader }: DeedOf<'complain'>): Promise<void> {
  const address = addressOf(world, reader)
  const hash = hashAddress(await readHashKey(db), address)
  await db.execute(sql`
    insert into suppression (email_hash, email, reason, created_at)
    values (${hash}, ${address}, 'complained', ${world.clock.now().toString()}) on conflict do nothing`)
}
