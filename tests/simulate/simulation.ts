import type pg from 'pg'
import type { Database } from '../../src/db/client.ts'
import { type Act, writeHistory } from './acts.ts'
import { startClock } from './clock.ts'
import { throwDice } from './dice.ts'
import { openGate } from './gate.ts'
import { lookAt } from './look.ts'
import { playAct } from './play.ts'
import { isOpen, newKnowledge } from './rules/knowledge.ts'
import { openSink, type Sink } from './sink.ts'
import { clockOf } from './sleepers.ts'
import { addNewsletters, chooseScene, type Properties, type Scene } from './stage.ts'
import type { World } from './world.ts'

/** Where simulations run: an empty migrated database, emptied again before each. */
export type Ground = {
  readonly db: Database
  readonly pool: pg.Pool
  readonly empty: () => Promise<void>
  readonly properties: Properties
}

/** `scene` where it is not the seed's. */
export type Order = { readonly seed: number; readonly days: number; readonly scene?: Scene }

/** How a simulation went: `fault` is the first step at which a rule was broken, its number from 1. */
export type Report = {
  readonly acts: readonly Act[]
  readonly steps: number
  readonly mails: number
  readonly statements: number
  readonly fates: number
  /** Statements that failed. */
  readonly failures: number
  readonly fault: { readonly step: number; readonly act: Act; readonly wrong: readonly string[] } | null
}

/** Hears of each step after it, and may put its own hand in. */
export type OnStep = (step: number, act: Act, world: World) => void | Promise<void>

/** Simulates the days of a seed, or the given part of its acts; stops at the first fault. */
export async function simulate(
  ground: Ground,
  { seed, days, scene = chooseScene(throwDice(seed)) }: Order,
  only: readonly Act[] | null = null,
  onStep: OnStep = () => {},
): Promise<Report> {
  const acts = only ?? writeHistory(throwDice(seed + 0x5eed), days)
  await ground.empty()
  const start = startClock(scene.startMs)
  const gate = openGate(start, throwDice(seed + 0xdecade))
  const clock = { ...start, ...clockOf(start, gate.sleep) }
  const sink = openSink(clock)
  const { db, pool, properties } = ground
  const newsletters = await addNewsletters(db, scene, clock)
  const look = await lookAt(db, [], 0)
  const made = { scene, properties, clock, pool, db, gate, sink, newsletters, published: [], read: [], look }
  const world: World = { ...made, lastLeft: null, ticking: 0, lostReplies: 0 }
  try {
    return await withSteadyChance(seed, () => playAll(world, acts, days, onStep))
  } finally {
    await closeAll(sink)
  }
}

const closeAll = (sink: Sink) => sink.close()

/** The product spreads retries by `Math.random`: here that is the same every time, too. */
async function withSteadyChance<T>(seed: number, run: () => Promise<T>): Promise<T> {
  const random = Math.random
  const steady = throwDice(seed).below(1000) / 1000
  Math.random = () => steady
  try {
    return await run()
  } finally {
    Math.random = random
  }
}

async function playAll(world: World, acts: readonly Act[], days: number, onStep: OnStep): Promise<Report> {
  const known = newKnowledge()
  const { sink, gate } = world
  const reportOf = (steps: number, fault: Report['fault']): Report => {
    const [fates, failures] = [gate.fates(), gate.failures()]
    return { acts, steps, mails: sink.mails.length, statements: gate.statements(), fates, failures, fault }
  }
  const all = [...acts, ...endOf(days)]
  for (const [index, act] of all.entries()) {
    const wrong = await unlessStuck(world, `step ${index + 1}`, playAct(world, known, act))
    await onStep(index + 1, act, world)
    if (wrong.length > 0) return reportOf(index + 1, { step: index + 1, act, wrong })
  }
  const open = [...known.deliveries.values()].filter(isOpen)
  const last = all.at(-1)
  if (open.length === 0 || last === undefined) return reportOf(all.length, null)
  const wrong = open.map(
    ({ editionId, subId }) => `the delivery of edition ${editionId} to subscription ${subId} never ends`,
  )
  return reportOf(all.length, { step: all.length, act: last, wrong })
}

/** No statement takes so long by far. */
const STUCK_MS = 60_000

/** A world in which nobody comes to a statement any more would stand still for ever. */
async function unlessStuck<T>({ gate }: World, where: string, playing: Promise<T>): Promise<T> {
  let before = -1
  let timer: NodeJS.Timeout | undefined
  const stuck = new Promise<never>((_, refuse) => {
    timer = setInterval(() => {
      if (gate.statements() === before) refuse(new Error(`the world stands still in ${where}`))
      before = gate.statements()
    }, STUCK_MS)
  })
  try {
    return await Promise.race([playing, stuck])
  } finally {
    clearInterval(timer)
  }
}

const DAY = 86_400

/** At the end all goes on, and the relay takes everything: what is still owed comes within three days. */
function endOf(days: number): readonly Act[] {
  const from = days * DAY
  const resume = [0, 1].map(
    (newsletter): Act => ({ at: from, deed: { kind: 'resumeNewsletter', newsletter }, trap: null }),
  )
  const editions = [0, 1, 2, 3].map((pick): Act => ({ at: from, deed: { kind: 'resumeEdition', pick }, trap: null }))
  const ticks = [1, 6, 24, 30, 54].map((hours): Act => {
    const meanwhile = { seconds: 0, deeds: [] }
    return {
      at: from + hours * 3600,
      deed: { kind: 'tick', mishaps: [], halt: null, twin: false, meanwhile },
      trap: null,
    }
  })
  return [...resume, ...editions, ...ticks]
}
