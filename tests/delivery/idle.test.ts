import { expect, test } from 'vitest'
import { neverAborted } from '../../src/abortable.ts'
import { type IdleState, IdleTracker } from '../../src/delivery/idle.ts'
import { handClock } from '../support/clock.ts'
import { NOON } from '../support/world.ts'

/** Connections at work, on a clock on which nobody's second ends. */
function connections(count: number, signal = neverAborted): { idle: IdleTracker; seats: readonly IdleState[] } {
  const sleep = (_: number, until?: AbortSignal) =>
    new Promise<void>((resolve) => {
      until?.addEventListener('abort', () => resolve())
      if (until?.aborted) resolve()
    })
  const idle = new IdleTracker({ ...handClock(NOON), sleep }, signal)
  return { idle, seats: Array.from({ length: count }, () => idle.join()) }
}

const [FIRST, SECOND, THIRD] = [0, 1, 2]
const at = (seats: readonly IdleState[], place = 0): IdleState => seats[place] as IdleState

test('connections that find nothing end when the last of them finds nothing', async () => {
  const { idle, seats } = connections(3)
  expect(await Promise.all(seats.map((seat) => idle.wait(seat)))).toEqual([false, false, false])
})

test('what a connection puts back as it ends is looked for at once by those that rest', async () => {
  const { idle, seats } = connections(3)
  const resting = [FIRST, SECOND].map((place) => idle.wait(at(seats, place)))
  idle.leave(at(seats, THIRD), true)
  expect(await Promise.all(resting)).toEqual([true, true])
  for (const place of [FIRST, SECOND]) idle.startSearch(at(seats, place))
  expect(await Promise.all([FIRST, SECOND].map((place) => idle.wait(at(seats, place))))).toEqual([false, false])
})

test('what was put back after a connection looked, and before it rests, is looked for', async () => {
  const { idle, seats } = connections(2)
  idle.startSearch(at(seats, FIRST))
  idle.leave(at(seats, SECOND), true)
  expect(await idle.wait(at(seats, FIRST))).toBe(true)
})

test('a connection that ends with nothing in hand leaves the others to their rest', async () => {
  const { idle, seats } = connections(2)
  idle.leave(at(seats, SECOND), false)
  expect(await idle.wait(at(seats, FIRST))).toBe(false)
})

test('a stopped sending looks for nothing more', async () => {
  const stop = new AbortController()
  const { idle, seats } = connections(2, stop.signal)
  const resting = idle.wait(at(seats, FIRST))
  stop.abort()
  expect(await resting).toBe(false)
})
