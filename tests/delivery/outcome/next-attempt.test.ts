import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { type Attempt, computeRetryAt } from '../../../src/delivery/outcome/next-attempt.ts'
import { CLASSES } from '../../../src/delivery/outcome/reply-class.ts'
import { NOON } from '../../support/world.ts'

const END = NOON.add({ hours: 48 })
const backoffs = fc.constantFrom(...Object.values(CLASSES).map(({ backoff }) => backoff))
const attempts = fc.integer({ min: 1, max: 300 })
const jitters = fc.double({ min: 0, max: 1, noNaN: true })
const times = fc.integer({ min: 0, max: 60 * 60 * 60 }).map((seconds) => NOON.add({ seconds }))

const attemptOf = (count: number, jitter: number): Attempt => ({ attempts: count, giveUpFrom: NOON, jitter })
const minutesOf = (from: Temporal.Instant, to: Temporal.Instant | null) =>
  to === null ? null : from.until(to).total('minutes')

describe('the next try', () => {
  test('is never later than 48 hours after the slot, and in the future', () => {
    fc.assert(
      fc.property(backoffs, attempts, jitters, times, (backoff, count, jitter, now) => {
        const at = computeRetryAt(attemptOf(count, jitter), backoff, now)
        if (at === null) return
        expect(Temporal.Instant.compare(at, END)).toBeLessThanOrEqual(0)
        expect(Temporal.Instant.compare(at, now)).toBe(1)
      }),
    )
  })

  test('is given up only where the wait would end later than that', () => {
    fc.assert(
      fc.property(backoffs, attempts, jitters, times, (backoff, count, jitter, now) => {
        const isGivenUp = computeRetryAt(attemptOf(count, jitter), backoff, now) === null
        if (isGivenUp) expect(now.until(END).total('minutes')).toBeLessThan(backoff.longest * 1.5)
        else expect(now.until(END).total('minutes')).toBeGreaterThanOrEqual(backoff.first)
      }),
    )
  })

  test('comes after a wait that never shrinks with the attempts, between the class’s bounds', () => {
    fc.assert(
      fc.property(backoffs, fc.integer({ min: 1, max: 50 }), jitters, (backoff, count, jitter) => {
        const wait = minutesOf(NOON, computeRetryAt(attemptOf(count, jitter), backoff, NOON)) ?? 0
        const next = minutesOf(NOON, computeRetryAt(attemptOf(count + 1, jitter), backoff, NOON)) ?? 0
        expect(next).toBeGreaterThanOrEqual(wait)
        expect(wait).toBeGreaterThanOrEqual(backoff.first)
        expect(wait).toBeLessThanOrEqual(backoff.longest * 1.5)
      }),
    )
  })

  test('is spread by the jitter over half as long again', () => {
    fc.assert(
      fc.property(backoffs, fc.integer({ min: 1, max: 20 }), jitters, (backoff, count, jitter) => {
        const [least = 0, one = 0, most = 0] = [0, jitter, 1].map(
          (spread) => minutesOf(NOON, computeRetryAt(attemptOf(count, spread), backoff, NOON)) ?? 0,
        )
        expect(one).toBeCloseTo(least * (1 + jitter / 2), 1)
        expect(most).toBeCloseTo(least * 1.5, 1)
      }),
    )
  })

  test.each([
    ['greylisted', [5, 7.5, 11.25, 16.9]],
    ['limited', [30, 60, 120, 240, 240]],
    ['full', [120, 240, 360, 360]],
    ['unknown', [5, 10, 20, 40, 80, 160, 240, 240]],
  ] as const)('of what is %s comes after these minutes', (name, minutes) => {
    const waits = minutes.map((_, at) =>
      minutesOf(NOON, computeRetryAt(attemptOf(at + 1, 0), CLASSES[name].backoff, NOON)),
    )
    for (const [at, wait] of waits.entries()) expect(wait).toBeCloseTo(minutes[at] ?? 0, 1)
  })

  test('of a relay that has trouble of its own comes after a minute, however often, until the end', () => {
    fc.assert(
      fc.property(attempts, jitters, times, (count, jitter, now) => {
        const wait = minutesOf(now, computeRetryAt(attemptOf(count, jitter), CLASSES.relay.backoff, now))
        if (wait === null) expect(now.until(END).total('minutes')).toBeLessThan(1.5)
        else expect(wait).toBeCloseTo(1 + jitter / 2, 1)
      }),
    )
  })

  test('comes before the last day is over, however a delivery is refused until then', () => {
    const counted = Object.values(CLASSES).filter((facts) => facts !== CLASSES.relay)
    for (const { backoff } of counted) {
      let now = NOON
      let tries = 0
      for (let at = computeRetryAt(attemptOf(1, 0.5), backoff, now); at !== null; ) {
        now = at
        tries += 1
        at = computeRetryAt(attemptOf(tries + 1, 0.5), backoff, now)
      }
      expect(NOON.until(now).total('hours')).toBeGreaterThan(36)
      expect(tries).toBeGreaterThanOrEqual(5)
      expect(tries).toBeLessThan(50)
    }
  })
})
