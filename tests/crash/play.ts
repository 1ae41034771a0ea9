import { throwDice } from '../simulate/dice.ts'
import { EVENTS } from './events.ts'
import { dealPoints, killRound } from './kills.ts'
import { RARE_EVENTS } from './rare.ts'
import type { Scene } from './scene.ts'
import type { Stage } from './stage.ts'

/** Opens the scene of one stage, all of whose chance comes from the seed; instants still fall a little elsewhere each time. */
export function openScene(stage: Stage, seed: number, say: Scene['say']): Scene {
  const tally = { kills: 0, cutConnections: 0, repeated: 0, messages: 0, mostRepeated: 0 }
  return { stage, dice: throwDice(seed), shiftMs: 0, rounds: 0, putOff: new Set(), cuts: [], tally, say }
}

/** Kills so many processes, at random instants and at fault points. */
export async function playKills(scene: Scene, kills: number): Promise<void> {
  const nextPoint = dealPoints(scene.dice)
  while (scene.tally.kills < kills) await killRound(scene, kills - scene.tally.kills, nextPoint)
}

/** Plays every other event of this engine whose name has `only` in it. */
export async function playEvents(scene: Scene, only: string): Promise<void> {
  for (const event of ALL.filter(({ engines }) => engines.includes(scene.stage.engine)))
    if (event.name.includes(only)) await event.play(scene)
}

/** Plays the event of this name. */
export async function playEvent(scene: Scene, name: string): Promise<void> {
  const event = ALL.find((one) => one.name === name)
  if (event === undefined) throw new RangeError(`there is no event ${name}`)
  await event.play(scene)
}

const ALL = [...EVENTS, ...RARE_EVENTS]

/** The totals in one line. */
export function sum({ rounds, tally }: Scene): string {
  return (
    `${rounds} rounds, ${tally.kills} kills and other cuts of ${tally.cutConnections} connections; ${tally.messages} messages, ` +
    `${tally.repeated} of them repeated (at most ${tally.mostRepeated} in a round), none lost, no promise broken`
  )
}
