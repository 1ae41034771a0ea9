import type { Dice } from '../simulate/dice.ts'
import { MOMENTS, STATEMENTS, type StatementName, WIRE } from './points.ts'
import {
  BrokenPromise,
  beginRound,
  endRound,
  isOver,
  PAST_LEASE_MS,
  PAST_RECALL_MS,
  PAST_RETRY_MS,
  play,
  type Round,
  type Scene,
  wordsOf,
} from './scene.ts'
import { type Strike, throwInstant } from './strike.ts'

/** Statements that only the first process of a round asks, and how many of each. */
const PLANNING: Partial<Record<StatementName, number>> = {
  connect: 1,
  'find edition': 1,
  'read slices': 1,
  'lock cohorts': 3,
  'lock batches': 3,
  'read bound': 1,
  'read audience': 3,
  select: 9,
  'make edition': 1,
  'write variants': 3,
  'freeze articles': 3,
  'write deliveries': 3,
  'write batches': 3,
  supersede: 3,
  'move watermarks': 9,
  'move due times': 3,
  'open sending': 1,
}

/** Not in every sending: a dead worker's batch must be taken over, a relay must be gone, a server must be stopped. */
const RARE: readonly StatementName[] = ['requeue', 'defer', 'recheck']

/** A fault point, and whether it is met while planning. */
type Point = { readonly at: string; readonly planning: boolean; readonly slotOnly: boolean }

/** Every fault point once before any comes again, in a new order each time; each name with another moment. */
export function dealPoints(dice: Dice): () => Point {
  let deck: Point[] = []
  let turn = dice.below(MOMENTS.length)
  return () => {
    if (deck.length === 0) deck = shuffle(dice, layOut(dice, turn++))
    const next = deck.pop()
    if (next === undefined) throw new RangeError('there are no fault points')
    return next
  }
}

function layOut(dice: Dice, turn: number): Point[] {
  const names = (Object.keys(STATEMENTS) as StatementName[]).filter((name) => !RARE.includes(name))
  const statements = names.map((name, n) => {
    const most = PLANNING[name]
    const nth = name === 'any' ? 1 + dice.below(60) : 1 + dice.below(most ?? (name === 'finish' ? 1 : 4))
    return {
      at: `${name}:${MOMENTS[(n + turn) % MOMENTS.length]}:${nth}`,
      planning: most !== undefined,
      slotOnly: name === 'move due times',
    }
  })
  const wire = WIRE.map((name) => ({ at: `${name}:${1 + dice.below(60)}`, planning: false, slotOnly: false }))
  return [...statements, ...wire]
}

function shuffle<T>(dice: Dice, from: readonly T[]): T[] {
  const left = [...from]
  return from.flatMap(() => left.splice(dice.below(left.length), 1))
}

/**
 * One edition whose sender is killed up to `most` times, at fault points and at random instants in turn, and sent to its
 * end all the same.
 */
export async function killRound(scene: Scene, most: number, nextPoint: () => Point): Promise<void> {
  const { dice, stage } = scene
  const wanted = Math.min(most, 1 + dice.below(4))
  let point: Point | null = dice.chance(50) ? nextPoint() : null
  const kind = point?.slotOnly || dice.chance(40) ? 'slot' : 'hand'
  const round = await beginRound(scene, kind, dice.chance(30) ? somebody(scene) : new Set())
  for (let tries = 0; tries < wanted; tries++) {
    const strike: Strike =
      point === null ? throwInstant(dice, usualMs(scene), stage.readers) : { kind: 'point', at: point.at }
    const killed = await strikeOnce(scene, round, strike)
    // What is planned is planned: later processes meet the fault points of sending only.
    point = point === null ? nextPoint() : null
    if (point?.planning) point = null
    passTime(scene)
    if (!killed && (await isOver(scene, round))) break
  }
  await finishRound(scene, round)
  await endRound(scene, round)
}

/** How long a process takes that is left alone, roughly: instants are spread over it. */
const usualMs = ({ stage }: Scene) => (stage.engine === 'embedded' ? 4000 : 2500)

function somebody({ dice, stage }: Scene): ReadonlySet<string> {
  return new Set(Array.from({ length: 3 }, () => `leser${1 + dice.below(stage.readers)}@morgen.example`))
}

/** Whether it was killed before it was through. */
async function strikeOnce(scene: Scene, round: Round, strike: Strike): Promise<boolean> {
  const { dice } = scene
  const how = round.kind === 'hand' ? 'send' : dice.chance(60) ? 'tick' : 'serve'
  const until = how === 'serve' ? { until: () => isOver(scene, round) } : {}
  const struck = play(scene, round, { words: wordsOf(round, how, scene), strike, ...until })
  if (how === 'serve' || dice.chance(75)) return check(await struck)
  const beside = round.kind === 'hand' ? 'send' : 'tick'
  const other = play(scene, round, { words: wordsOf(round, beside, scene), strike: null, door: 1 })
  // Whoever works through the one that is killed, or that is only just starting, cannot but fail.
  const mayFail = scene.stage.engine === 'embedded'
  const killed = check(await struck, mayFail)
  check(await other, mayFail)
  return killed
}

/** Whether it was killed; one that was not ends well. */
export function check({ end, cut }: Awaited<ReturnType<typeof play>>, mayFail = false): boolean {
  if (cut === null && end.code !== 0 && !mayFail)
    throw new BrokenPromise(`a process ended with ${end.signal ?? end.code}: ${end.err}`)
  return cut !== null
}

/** Mostly past the dead worker's lease; sometimes the next one has to wait for it. */
function passTime(scene: Scene): void {
  if (!scene.dice.chance(4)) scene.shiftMs += PAST_LEASE_MS
}

const MOST_FINISHERS = 6

/** Goes on, at least once, until all is final or due later. */
export async function finishRound(scene: Scene, round: Round): Promise<void> {
  const { dice } = scene
  if (scene.putOff.size > 0 && dice.chance(50)) scene.shiftMs += PAST_RETRY_MS
  for (let tries = 0; tries < MOST_FINISHERS; tries++) {
    const how = round.kind === 'hand' ? 'send' : dice.pick(['tick', 'tick', 'serve'])
    const until = how === 'serve' ? { until: () => isOver(scene, round) } : {}
    check(await play(scene, round, { words: wordsOf(round, how, scene), strike: null, ...until }))
    if (await isOver(scene, round)) return
    scene.shiftMs += tries < 2 ? PAST_LEASE_MS : PAST_RECALL_MS
  }
}
