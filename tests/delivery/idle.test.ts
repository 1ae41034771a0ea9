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

test('deliveries that a connection requeues as it ends are claimed at once by those that wait', async () => {
  const { idle, seats } = connections(3)
  const waiting = [FIRST, SECOND].map((place) => idle.wait(at(seats, place)))
  idle.leave(at(seats, THIRD), true)
  expect(await Promise.all(waiting)).toEqual([true, true])
  for (const place of [FIRST, SECOND]) idle.startSearch(at(seats, place))
  expect(await Promise.all([FIRST, SECOND].map((place) => idle.wait(at(seats, place))))).toEqual([false, false])
})

test('deliveries requeued after a connection has searched, and before it waits, are searched for', async () => {
  const { idle, seats } = connections(2)
  idle.startSearch(at(seats, FIRST))
  idle.leave(at(seats, SECOND), true)
  expect(await idle.wait(at(seats, FIRST))).toBe(true)
})

test('a connection that ends with nothing claimed does not wake the others', async () => {
  const { idle, seats } = connections(2)
  idle.leave(at(seats, SECOND), false)
  expect(await idle.wait(at(seats, FIRST))).toBe(false)
})

test('a stopped sending searches for nothing more', async () => {
  const stop = new AbortController()
  const { idle, seats } = connections(2, stop.signal)
  const waiting = idle.wait(at(seats, FIRST))
  stop.abort()
  expect(await waiting).toBe(false)
})
