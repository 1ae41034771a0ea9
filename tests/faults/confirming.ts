import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import type { UnsubscribeView } from '../../src/subscribers/unsubscribe/find-by-token.ts'
import { addEntries, addTagblatt, NOON, ZWEI } from '../subscribers/fixtures.ts'
import { ask, confirmMail, leaveAll, leaveOne, sendMails, undo } from '../subscribers/readers.ts'
import type { Scenario } from './scenario.ts'

/** What a reader of two newsletters does, one after another; `sure` must be so before the next. */
type Step = { readonly name: string; readonly run: () => Promise<unknown>; readonly state: string }

const later = (minutes: number) => NOON.add({ minutes })

/** A reader asks for two newsletters, confirms, leaves both, takes it back, and asks once more for what is there. */
const confirming: Scenario = {
  name: 'asking, confirming, leaving, taking it back',
  prepare: async ({ db }) => {
    const newsletters = [await addTagblatt(db), await addTagblatt(db, ZWEI)]
    const [first] = newsletters
    if (first !== undefined) await addEntries(db, first, [NOON.subtract({ hours: 2 })])
    let left: UnsubscribeView | null = null
    const steps: readonly Step[] = [
      { name: 'asking', run: () => ask(db, newsletters, NOON), state: 'pending' },
      { name: 'confirming', run: async () => confirmMail(db, await mailOf(db), later(1)), state: 'active' },
      {
        name: 'leaving',
        run: async () => {
          left = await leaveAll(db, await firstOf(db), later(2))
        },
        state: 'unsubscribed',
      },
      // The page that shows the way back may have been lost with the answer: the link of the mail shows it again.
      {
        name: 'taking it back',
        run: async () => undo(db, left ?? (await leaveOne(db, await firstOf(db), later(2))), later(3)),
        state: 'active',
      },
      { name: 'asking again', run: () => ask(db, newsletters, later(4)), state: 'active' },
    ]
    let done = 0
    const broken: string[] = []
    const goOn = async () => {
      for (; done < steps.length; done += 1) {
        const step = steps[done]
        if (step === undefined) return
        try {
          await step.run()
        } finally {
          broken.push(...(await judgeReader(db, `while ${step.name}`)))
        }
        broken.push(...(await judgeState(db, step)))
        if (step.name === 'asking') await sendMails(db, NOON)
      }
    }
    return {
      work: goOn,
      judge: async () => {
        await goOn()
        return [...new Set([...broken, ...(await judgeEvidence(db))])]
      },
    }
  },
}

async function mailOf(db: Database): Promise<number> {
  const found = await db.execute<{ id: number }>(
    sql`select id from notice where kind = 'confirmation' order by id limit 1`,
  )
  return found.rows[0]?.id ?? 0
}

async function firstOf(db: Database): Promise<number> {
  const found = await db.execute<{ id: number }>(sql`select id from subscription order by id limit 1`)
  return found.rows[0]?.id ?? 0
}

/** Both subscriptions stand alike, and the last evidence of each says why they stand so. */
async function judgeReader(db: Database, when: string): Promise<readonly string[]> {
  const found = await db.execute<{ state: string; action: string | null; notices: number }>(sql`
    select s.state, (select count(*) from notice) as notices,
      (select r.action from consent_record r where r.subscription_id = s.id order by r.id desc limit 1) as action
    from subscription s order by s.id`)
  const states = new Set(found.rows.map(({ state }) => state))
  const broken = states.size > 1 ? [`${when}: one subscription is ${[...states].join(', the other ')}`] : []
  if (found.rows.length === 1) broken.push(`${when}: one of two subscriptions was made`)
  if (found.rows[0]?.notices === 0) broken.push(`${when}: subscriptions were made and no mail was queued`)
  const because: Readonly<Record<string, readonly string[]>> = {
    pending: ['requested'],
    active: ['confirmed', 'resumed', 'requested'],
    unsubscribed: ['unsubscribed'],
  }
  for (const { state, action } of found.rows)
    if (!because[state]?.includes(action ?? '')) broken.push(`${when}: a subscription is ${state} by ${action}`)
  return broken
}

/** What says nothing of a failure is done. */
async function judgeState(db: Database, { name, state }: Step): Promise<readonly string[]> {
  const found = await db.execute<{ count: number }>(sql`select count(*) from subscription where state = ${state}`)
  return found.rows[0]?.count === 2 ? [] : [`after ${name} ${found.rows[0]?.count} subscriptions are ${state}`]
}

/** Each change has its evidence once; only who asks twice has asked twice. */
async function judgeEvidence(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ action: string; count: number }>(sql`
    select action, count(*) from consent_record group by action order by action`)
  return found.rows.flatMap(({ action, count }) =>
    count === 2 || (action === 'requested' && count > 2)
      ? []
      : [`there are ${count} records of ${action} instead of 2`],
  )
}

export const CONFIRMING: readonly Scenario[] = [confirming]
