import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mayMail, type Purpose, type SubscriptionState, whyNotMail } from '../../src/subscribers/permission.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const PURPOSES: readonly Purpose[] = ['digest', 'confirmation']
const STATES: readonly (SubscriptionState | null)[] = ['pending', 'active', 'paused', 'unsubscribed', null]
const QUESTIONS = PURPOSES.flatMap((purpose) =>
  STATES.flatMap((subscriptionState) =>
    [false, true].flatMap((suppressed) =>
      [false, true].map((retried) => ({ purpose, subscriptionState, suppressed, retried })),
    ),
  ),
)

describe('mayMail', () => {
  test('lets a digest go to active subscriptions only, and a confirmation to pending ones only', () => {
    const allowed = QUESTIONS.filter((question) => !question.suppressed && mayMail(question).may)

    expect(allowed).toMatchObject([
      { purpose: 'digest', subscriptionState: 'active', retried: false },
      { purpose: 'digest', subscriptionState: 'active', retried: true },
      { purpose: 'confirmation', subscriptionState: 'pending', retried: false },
      { purpose: 'confirmation', subscriptionState: 'pending', retried: true },
    ])
  })

  test('lets nothing go to a suppressed address but the confirmation asked for long after it bounced', () => {
    const allowed = QUESTIONS.filter((question) => question.suppressed && mayMail(question).may)

    expect(allowed).toMatchObject(
      ['pending', 'active', 'paused'].map((subscriptionState) => ({
        purpose: 'confirmation',
        subscriptionState,
        retried: true,
      })),
    )
  })

  test('ends what may not go as suppressed or as skipped, with the reason', () => {
    const answer = (purpose: Purpose, subscriptionState: SubscriptionState | null, suppressed = false) =>
      mayMail({ purpose, subscriptionState, suppressed })

    expect(answer('digest', 'active', true)).toEqual({ may: false, state: 'suppressed', reason: 'suppressed' })
    expect(answer('confirmation', 'pending', true)).toEqual({ may: false, state: 'suppressed', reason: 'suppressed' })
    expect(answer('digest', 'pending')).toEqual({ may: false, state: 'skipped', reason: 'unconfirmed' })
    expect(answer('digest', 'paused')).toEqual({ may: false, state: 'skipped', reason: 'paused' })
    expect(answer('digest', 'unsubscribed')).toEqual({ may: false, state: 'skipped', reason: 'unsubscribed' })
    expect(answer('confirmation', 'active')).toEqual({ may: false, state: 'skipped', reason: 'confirmed' })
    expect(answer('confirmation', 'unsubscribed')).toEqual({ may: false, state: 'skipped', reason: 'unsubscribed' })
    expect(answer('digest', null)).toEqual({ may: false, state: 'skipped', reason: 'erased' })
  })
})

describe('whyNotMail', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(() => database.close())

  test.each(QUESTIONS)(
    'says in a statement what mayMail says: $purpose, $subscriptionState, suppressed $suppressed, retried $retried',
    async (question) => {
      const { purpose, subscriptionState, suppressed, retried } = question
      const found = await database.db.execute<{ reason: string | null; state: string | null }>(sql`
      select ${whyNotMail(purpose, sql`s.state`, sql`s.suppressed`, sql`s.retried`)} as reason
      from (select ${subscriptionState}::text as state, ${suppressed}::boolean as suppressed,
        ${retried}::boolean as retried) s`)
      const answer = mayMail(question)

      expect(found.rows).toEqual([{ reason: answer.may ? null : answer.reason }])
      if (!answer.may) expect(answer.state).toBe(answer.reason === 'suppressed' ? 'suppressed' : 'skipped')
    },
  )
})
