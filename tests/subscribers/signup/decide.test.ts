import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Schedule } from '../../../src/newsletters/schedule/slots.ts'
import type { SubscriptionState } from '../../../src/subscribers/permission.ts'
import {
  decide,
  type NewsletterDefaults,
  type RequestedBy,
  type SignupFacts,
} from '../../../src/subscribers/signup/decide.ts'
import type { DesiredState } from '../../../src/subscribers/subscriptions.ts'

const HOME: Schedule = { frequency: 'daily', weekday: null, hour: 7, zone: 'Europe/Berlin' }
const OFFER: NewsletterDefaults = { home: HOME, homeHour: 7 }
const SAYS_NOTHING = { frequency: null, weekday: null, hour: null, zone: null }

const asked = (by: RequestedBy, evidence: boolean, said: Partial<SignupFacts> = {}): SignupFacts => ({
  by,
  evidence,
  schedule: SAYS_NOTHING,
  topicIds: null,
  retry: false,
  ...said,
})
const standing = (state: SubscriptionState): DesiredState => ({ state, schedule: HOME, topicIds: [1, 2] })

const outcome = (by: RequestedBy, evidence: boolean, state: SubscriptionState | null) => {
  const step = decide(asked(by, evidence), state === null ? null : standing(state), OFFER)
  return step.kind === 'enter' || step.kind === 'change' ? `${step.kind} ${step.to.state}` : step.kind
}

describe('decide', () => {
  test.each<[RequestedBy, boolean, SubscriptionState | null, string]>([
    ['reader', false, null, 'enter pending'],
    ['reader', true, null, 'enter pending'],
    ['administrator', false, null, 'enter pending'],
    ['administrator', true, null, 'enter active'],
    ['import', false, null, 'enter pending'],
    ['import', true, null, 'enter active'],
    ['reader', false, 'pending', 'keep'],
    ['reader', true, 'pending', 'keep'],
    ['administrator', false, 'pending', 'keep'],
    ['administrator', true, 'pending', 'change active'],
    ['import', false, 'pending', 'keep'],
    ['import', true, 'pending', 'keep'],
    ['reader', false, 'active', 'keep'],
    ['reader', true, 'active', 'keep'],
    ['administrator', false, 'active', 'keep'],
    ['administrator', true, 'active', 'keep'],
    ['import', false, 'active', 'keep'],
    ['import', true, 'active', 'keep'],
    ['reader', false, 'paused', 'keep'],
    ['administrator', true, 'paused', 'keep'],
    ['import', true, 'paused', 'keep'],
    ['reader', false, 'unsubscribed', 'change pending'],
    ['reader', true, 'unsubscribed', 'change pending'],
    ['administrator', false, 'unsubscribed', 'change pending'],
    ['administrator', true, 'unsubscribed', 'change active'],
    ['import', false, 'unsubscribed', 'refuse'],
    ['import', true, 'unsubscribed', 'refuse'],
  ])('%s, evidence %s, standing %s: %s', (by, evidence, state, expected) => {
    expect(outcome(by, evidence, state)).toBe(expected)
  })

  test('confirmed never goes back, and nobody becomes active without proof', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<RequestedBy>('reader', 'administrator', 'import'),
        fc.boolean(),
        fc.constantFrom<SubscriptionState | null>('pending', 'active', 'paused', 'unsubscribed', null),
        fc.record({
          frequency: fc.constantFrom(null, 'instant', 'daily', 'weekly'),
          weekday: fc.constantFrom(null, 1, 7),
          hour: fc.constantFrom(null, 7, 18),
          zone: fc.constantFrom(null, 'Europe/Berlin', 'Asia/Kolkata'),
        }),
        fc.constantFrom(null, [], [1, 2], [3]),
        fc.boolean(),
        (by, evidence, state, schedule, topicIds, retry) => {
          const step = decide(
            { by, evidence, schedule: schedule, topicIds, retry },
            state === null ? null : standing(state),
            OFFER,
          )
          const after = step.kind === 'enter' || step.kind === 'change' ? step.to.state : state
          if (state === 'active' || state === 'paused') expect(after).toBe(state)
          else if (after === 'active') expect(evidence && by !== 'reader').toBe(true)
          if (state !== null && by === 'import') expect(after).toBe(state)
        },
      ),
    )
  })

  test('asks for confirmation whoever waits for it, unless an import names them again', () => {
    expect(decide(asked('reader', false), null, OFFER)).toMatchObject({ ask: true })
    expect(decide(asked('import', false), null, OFFER)).toMatchObject({ ask: true })
    expect(decide(asked('reader', false), standing('pending'), OFFER)).toMatchObject({ ask: true })
    expect(decide(asked('reader', false), standing('unsubscribed'), OFFER)).toMatchObject({ ask: true })
    expect(decide(asked('import', false), standing('pending'), OFFER)).toMatchObject({ ask: false })
    expect(decide(asked('import', false, { neverAsked: true }), standing('pending'), OFFER)).toMatchObject({
      ask: true,
    })
    expect(decide(asked('reader', false), standing('active'), OFFER)).toMatchObject({ ask: false })
    expect(decide(asked('administrator', true), null, OFFER)).toMatchObject({ ask: false })
  })

  test('keeps what is not said, and takes the newsletter’s for who is new', () => {
    const change = decide(asked('administrator', false, { topicIds: [3] }), standing('active'), OFFER)
    expect(change).toMatchObject({ kind: 'change', to: { state: 'active', schedule: HOME, topicIds: [3] } })

    const enter = decide(asked('reader', false, { schedule: { ...SAYS_NOTHING, hour: 18 } }), null, OFFER)
    expect(enter).toMatchObject({ to: { schedule: { ...HOME, hour: 18 }, topicIds: [] } })
  })

  test('a form changes neither what waits for confirmation nor what is confirmed: its own link confirms what it wants', () => {
    const said = asked('reader', false, { schedule: { ...SAYS_NOTHING, frequency: 'weekly' } })

    expect(decide(said, standing('pending'), OFFER)).toMatchObject({
      kind: 'keep',
      ask: true,
      preferences: { schedule: { frequency: 'weekly', weekday: 1, hour: 7 }, topicIds: [] },
    })
    expect(decide(said, standing('active'), OFFER)).toEqual({ kind: 'keep', ask: false, preferences: null })
    const left = decide(said, standing('unsubscribed'), OFFER)
    expect(left).toMatchObject({
      to: standing('pending'),
      preferences: { schedule: { frequency: 'weekly' }, topicIds: [1, 2] },
    })
  })

  test('an instant reader has no hour, and gets the newsletter’s when there is one again', () => {
    const toInstant = decide(
      asked('administrator', false, { schedule: { ...SAYS_NOTHING, frequency: 'instant' } }),
      standing('active'),
      OFFER,
    )
    expect(toInstant).toMatchObject({ to: { schedule: { frequency: 'instant', hour: null, weekday: null } } })

    const instant: DesiredState = { ...standing('active'), schedule: { ...HOME, frequency: 'instant', hour: null } }
    const back = decide(
      asked('administrator', false, { schedule: { ...SAYS_NOTHING, frequency: 'daily' } }),
      instant,
      OFFER,
    )
    expect(back).toMatchObject({ to: { schedule: HOME } })
  })
})
