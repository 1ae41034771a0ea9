import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../src/clock.ts'
import type { WorldClock } from './clock.ts'
import type { Member } from './member.ts'

type Sleeper = { readonly member: Member; readonly wakeMs: number; readonly wake: () => void }

/** Whose code is running. */
const running = new AsyncLocalStorage<Member>()

/** Runs a process's code, which sleeps by the world's clock. */
export const runAs = <T>(member: Member, run: () => Promise<T>): Promise<T> => running.run(member, run)

/** Who sleeps, and until when. */
export class Sleepers {
  #sleeping: Sleeper[] = []

  /** Ends when it is woken or stopped, and for the dead as soon as others have had their turn. */
  sleep(member: Member, wakeMs: number, signal?: AbortSignal): Promise<void> {
    if (member.dead || signal?.aborted) return new Promise((resolve) => void setImmediate(resolve))
    return new Promise((resolve) => {
      const sleeper = {
        member,
        wakeMs,
        wake: () => {
          this.#sleeping = this.#sleeping.filter((one) => one !== sleeper)
          signal?.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      signal?.addEventListener('abort', sleeper.wake, { once: true })
      this.#sleeping.push(sleeper)
    })
  }

  has(member: Member): boolean {
    return this.#sleeping.some((one) => one.member === member)
  }

  /** Who is to wake first of those that do not stand still. */
  first(): Sleeper | null {
    const able = this.#sleeping.filter(({ member }) => member.thawed === null)
    return able.toSorted((one, other) => one.wakeMs - other.wakeMs)[0] ?? null
  }

  wakeAll(member: Member): void {
    for (const one of this.#sleeping) if (one.member === member) one.wake()
  }
}

const AGES_MS = 3_600_000

/** The world's clock as its processes read it: to sleep is to let the world go on, and for the dead all time is over. */
export function clockOf(
  clock: WorldClock,
  sleep: (member: Member, ms: number, signal?: AbortSignal) => Promise<void>,
): Clock {
  let overMs = 0
  return {
    now: clock.now,
    monotonicMs: () => {
      // The dead wait for nothing: whatever they wait for is over the next time they look.
      if (running.getStore()?.dead) overMs += AGES_MS
      return clock.monotonicMs() + (running.getStore()?.dead ? overMs : 0)
    },
    sleep: async (ms, signal) => {
      const member = running.getStore()
      if (member !== undefined) await sleep(member, ms, signal)
    },
  }
}
