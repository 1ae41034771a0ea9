import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import type { Dice } from '../simulate/dice.ts'
import { type Child, type End, startChild } from './child.ts'
import type { Call } from './relay.ts'
import type { Stage } from './stage.ts'

/** When a process is killed: at a fault point, so long after its start, or at the n-th dot the relay hears from now on. */
export type Strike =
  | { readonly kind: 'point'; readonly at: string }
  | { readonly kind: 'instant'; readonly afterMs: number }
  | { readonly kind: 'dot'; readonly count: number; readonly replied: boolean }

/** Something that cut connections: `calls` were open then. */
export type Cut = { readonly where: string; readonly calls: readonly Call[] }

/** A process that ran to its end, or to that of another's making. */
export type Run = {
  readonly end: End
  /** Null when it ended before it could be killed. */
  readonly cut: Cut | null
  readonly tookMs: number
}

export const sayStrike = (strike: Strike): string => {
  switch (strike.kind) {
    case 'point':
      return strike.at
    case 'instant':
      return `after ${strike.afterMs} ms`
    case 'dot':
      return `${strike.replied ? 'behind the reply to' : 'at'} dot ${strike.count}`
  }
}

/** What is run: words of the command line, and for a server how one knows that it has done its work. */
export type Order = {
  readonly words: readonly string[]
  readonly shiftMs: number
  readonly strike: Strike | null
  readonly door?: number
  /** Asked now and then once the server listens; when it is true the process is told to end. */
  readonly until?: () => Promise<boolean>
}

/** No process of these takes so long, waiting for a dead worker's lease and a dead planner's recall included. */
const PATIENCE_MS = 180_000
const ASK_EVERY_MS = 250

/** Runs a process of Courant; where there is a strike it is killed then. */
export async function run(stage: Stage, { words, shiftMs, strike, door = 0, until }: Order): Promise<Run> {
  const startedMs = systemClock.monotonicMs()
  const firstCall = stage.relay.calls.length
  const child = startChild({
    words,
    environment: stage.environmentBy(door),
    shiftMs,
    crashAt: strike?.kind === 'point' ? strike.at : null,
  })
  const disarm = strike === null ? () => {} : arm(stage, child, strike)
  const end = await follow(child, until)
  disarm()
  await settled(stage, door)
  const calls = stage.relay.calls.slice(firstCall).filter((call) => call.door === door && call.cut)
  const cut = end.signal === 'SIGKILL' && strike !== null ? { where: sayStrike(strike), calls } : null
  return { end, cut, tookMs: systemClock.monotonicMs() - startedMs }
}

/** Waits for its end, telling it to end once it has done its work. */
export async function follow(
  { process: child, ended, hasSpoken }: Child,
  until?: () => Promise<boolean>,
): Promise<End> {
  const startedMs = systemClock.monotonicMs()
  const over = new AbortController()
  let told = false
  for (;;) {
    const end = await Promise.race([ended, sleep(ASK_EVERY_MS, null, { signal: over.signal }).catch(() => null)])
    if (end !== null) {
      over.abort()
      return end
    }
    if (systemClock.monotonicMs() - startedMs > PATIENCE_MS) {
      child.kill('SIGKILL')
      const { out, err } = await ended
      throw new Error(`a process did not end: ${child.spawnargs.slice(-4).join(' ')}\n${out}${err}`)
    }
    if (until !== undefined && !told && hasSpoken() && (await until().catch(() => false))) {
      told = true
      child.kill('SIGTERM')
    }
  }
}

/** Lays hands on a process; what it returns takes them off again. */
function arm(stage: Stage, child: Child, strike: Strike): () => void {
  const kill = () => child.process.kill('SIGKILL')
  if (strike.kind === 'point') return () => {}
  if (strike.kind === 'instant') {
    const timer = setTimeout(kill, strike.afterMs)
    return () => clearTimeout(timer)
  }
  const from = stage.relay.count()
  stage.relay.onTaken = (count) => {
    if (count - from !== strike.count) return
    if (strike.replied) setImmediate(kill)
    else kill()
  }
  return () => {
    stage.relay.onTaken = () => {}
  }
}

/** Until the relay has heard that the connections of a dead process are closed. */
export async function settled(stage: Stage, door: number): Promise<void> {
  while (stage.relay.open(door).length > 0) await sleep(5)
}

/** A random instant of a process that takes `usualMs`, or a random dot of `readers`. */
export function throwInstant(dice: Dice, usualMs: number, readers: number): Strike {
  if (dice.chance(45)) return { kind: 'instant', afterMs: 300 + dice.below(usualMs) }
  return { kind: 'dot', count: 1 + dice.below(Math.max(1, Math.floor(readers * 0.9))), replied: dice.chance(50) }
}
