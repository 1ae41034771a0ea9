import { runTick, type TickReport } from '../../src/scheduler/tick.ts'
import type { Deed, Halt, Mishap } from './acts.ts'
import type { Process, Work } from './process.ts'
import type { Relay, Says, Stage } from './sink.ts'
import { workWith } from './stage.ts'
import type { World } from './world.ts'

export type Tick = Extract<Deed, { kind: 'tick' }>

/** A process ticks; its relay does to it what is written. `mishaps` counts what the relay did otherwise than usual. */
export type Ticking = { readonly work: Work<TickReport>; readonly relay: Relay; readonly mishaps: () => number }

/** Begins a tick in this process, over the relay of its name. */
export async function beginTick(
  world: World,
  process: Process,
  tick: Pick<Tick, 'mishaps' | 'halt'>,
): Promise<Ticking> {
  const relay = await world.sink.relayOf(process.name)
  let begun = 0
  let mishaps = 0
  relay.obey(async (stage) => {
    if (process.isDead()) return 'drop'
    if (stage === 'mail') begun += 1
    await halt(process, tick.halt, begun, stage)
    if (process.isDead()) return 'drop'
    const says = saysOf(tick.mishaps, begun, stage)
    if (says !== null) mishaps += 1
    if (says === 'drop' && stage === 'dot') world.lostReplies += 1
    return says
  })
  const work = process.work(() =>
    runTick(process.db, workWith(world.properties, relay.port), world.clock, process.signal),
  )
  return { work, relay, mishaps: () => mishaps }
}

/** The process dies, or stands still, as soon as its message has come so far. */
async function halt(process: Process, fate: Halt | null, begun: number, stage: Stage): Promise<void> {
  if (fate === null || begun !== fate.nth || stage !== fate.stage) return
  if (fate.does === 'die') process.die()
  else await process.freeze()
}

function saysOf(mishaps: readonly Mishap[], begun: number, stage: Stage): Says {
  const found = mishaps.find((one) => one.stage === stage && begun >= one.nth && begun < one.nth + one.count)
  return found?.says ?? null
}
