import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from './child.ts'
import { check, finishRound } from './kills.ts'
import {
  beginRound,
  endRound,
  isOver,
  PAST_LEASE_MS,
  PAST_RETRY_MS,
  play,
  type Round,
  type Scene,
  sayEnd,
  wordsOf,
} from './scene.ts'
import { follow, settled } from './strike.ts'

/** Something other than a kill that befalls a sending, on one engine or on both. */
export type Event = {
  readonly name: string
  readonly engines: readonly Scene['stage']['engine'][]
  readonly play: (scene: Scene) => Promise<void>
}

const NOBODY: ReadonlySet<string> = new Set()
const BOTH = ['embedded', 'postgres'] as const
/** Holds replies back, so that a few messages wait for one at any time. */
const SLOW_MS = 15
/** So that a second process comes in time to send too. */
const VERY_SLOW_MS = 250

/** All of them; each is a round of its own. */
export const EVENTS: readonly Event[] = [
  ...(['fast', 'immediate', 'crash'] as const).flatMap((how): Event[] => [
    { name: `database ${how}, send`, engines: ['postgres'], play: (scene) => restartDatabase(scene, how, 'send') },
    { name: `database ${how}, serve`, engines: ['postgres'], play: (scene) => restartDatabase(scene, how, 'serve') },
  ]),
  { name: 'PgBouncer restarted, send', engines: ['postgres'], play: (scene) => restartPooler(scene, 'send') },
  { name: 'PgBouncer restarted, serve', engines: ['postgres'], play: (scene) => restartPooler(scene, 'serve') },
  { name: 'relay gone for a second', engines: BOTH, play: (scene) => loseRelay(scene, 1000) },
  { name: 'relay gone for good', engines: BOTH, play: (scene) => loseRelay(scene, null) },
  { name: 'worker stopped past its lease', engines: ['postgres'], play: stopWorker },
  { name: 'holder of the database killed', engines: ['embedded'], play: killHolder },
]

/** Does `act` once, at one of the next `most` dots by this door, and writes down which connections were open. */
function onceAtSomeDot(
  scene: Scene,
  round: Round,
  where: string,
  door: number,
  most: number,
  act: () => void,
): () => boolean {
  const { relay } = scene.stage
  const at = 1 + scene.dice.below(most)
  let done = false
  let heard = 0
  let before = countBy(scene, round, door)
  relay.onTaken = () => {
    const now = countBy(scene, round, door)
    if (now === before) return
    before = now
    heard += 1
    if (heard < at || done) return
    done = true
    const cut = { where: `${where} at dot ${heard} (${relay.unanswered()} unanswered)`, calls: relay.open(door) }
    round.cuts.push(cut)
    round.told.push(`${cut.where} (${cut.calls.length} open)`)
    act()
  }
  return () => {
    relay.onTaken = () => {}
    return done
  }
}

const half = ({ stage }: Scene) => Math.floor(stage.readers / 2)

const countBy = ({ stage }: Scene, round: Round, door: number) =>
  stage.relay.calls.slice(round.firstCall).reduce((sum, call) => sum + (call.door === door ? call.taken.length : 0), 0)

async function restartDatabase(scene: Scene, how: 'fast' | 'immediate' | 'crash', by: 'send' | 'serve'): Promise<void> {
  const { postgres } = scene.stage
  if (postgres !== null) await restart(scene, by, `database restarted (${how})`, () => postgres.restart(how))
}

/** Plays nothing where there is no PgBouncer. */
async function restartPooler(scene: Scene, by: 'send' | 'serve'): Promise<void> {
  const { pooler } = scene.stage
  if (pooler !== null) await restart(scene, by, 'PgBouncer restarted', pooler.restart)
}

/** The worker goes on, or ends with an error such that the next one finishes. */
async function restart(scene: Scene, by: 'send' | 'serve', where: string, act: () => Promise<void>): Promise<void> {
  const { relay } = scene.stage
  const round = await beginRound(scene, by === 'send' ? 'hand' : 'slot', NOBODY)
  let restarting: Promise<void> = Promise.resolve()
  const disarm = onceAtSomeDot(scene, round, where, 0, half(scene), () => {
    restarting = act()
  })
  const until = by === 'serve' ? { until: () => isOver(scene, round) } : {}
  await play(scene, round, { words: wordsOf(round, by, scene), strike: null, ...until })
  disarm()
  await restarting
  relay.onTaken = () => {}
  scene.shiftMs += PAST_LEASE_MS
  await finishRound(scene, round)
  await endRound(scene, round)
}

/** All its connections are reset, with messages that came whole and were not replied to; it is back, or not in this process's time. */
async function loseRelay(scene: Scene, backAfterMs: number | null): Promise<void> {
  const { relay } = scene.stage
  const round = await beginRound(scene, scene.dice.pick(['hand', 'slot']), NOBODY)
  relay.pauseMs = SLOW_MS
  let back: Promise<void> = Promise.resolve()
  const disarm = onceAtSomeDot(
    scene,
    round,
    backAfterMs === null ? 'relay lost' : 'relay lost for a second',
    0,
    half(scene),
    () => {
      back = relay.fall().then(async () => {
        if (backAfterMs === null) return
        await sleep(backAfterMs)
        await relay.revive()
      })
    },
  )
  await play(scene, round, { words: wordsOf(round, round.kind === 'hand' ? 'send' : 'tick', scene), strike: null })
  disarm()
  await back
  if (backAfterMs === null) await relay.revive()
  relay.pauseMs = 0
  for (let tries = 0; tries < 2; tries++) {
    scene.shiftMs += PAST_RETRY_MS
    await finishRound(scene, round)
  }
  await endRound(scene, round)
}

/** Three workers are sending; one hangs until its lease is long over and the others have its batch. Its late dots and commits are refused. */
async function stopWorker(scene: Scene): Promise<void> {
  const { stage, shiftMs } = scene
  const round = await beginRound(scene, 'hand', NOBODY)
  stage.relay.pauseMs = VERY_SLOW_MS
  const words = wordsOf(round, 'send', scene)
  const start = (door: number) => startChild({ words, environment: stage.environmentBy(door), shiftMs, crashAt: null })
  const hanging = start(0)
  await firstTaken(scene, round, 0)
  const others = [start(1), start(2)]
  // The third may find no batch left: it waits for one all the same.
  await Promise.race([firstTaken(scene, round, 1), firstTaken(scene, round, 2)])
  const disarm = onceAtSomeDot(scene, round, 'worker stopped', 0, 10, () => {
    hanging.process.kill('SIGSTOP')
    stage.relay.pauseMs = 0
  })
  for (const other of others) check({ end: await follow(other), cut: null, tookMs: 0 })
  if (!disarm()) throw new Error('the worker was through before it could be stopped')
  hanging.process.kill('SIGCONT')
  const end = await follow(hanging)
  round.told.push(`went on, and ended with ${sayEnd(end)}`)
  check({ end, cut: null, tookMs: 0 })
  for (const door of [0, 1, 2]) await settled(stage, door)
  await finishRound(scene, round)
  await endRound(scene, round)
}

/** A command that works through another process loses the database in the middle of its sending. */
async function killHolder(scene: Scene): Promise<void> {
  const { stage, shiftMs } = scene
  const round = await beginRound(scene, 'hand', NOBODY)
  stage.relay.pauseMs = VERY_SLOW_MS
  const words = wordsOf(round, 'send', scene)
  const holder = startChild({ words, environment: stage.environmentBy(1), shiftMs, crashAt: null })
  await firstTaken(scene, round, 1)
  const guest = startChild({ words, environment: stage.environmentBy(0), shiftMs, crashAt: null })
  await firstTaken(scene, round, 0)
  for (const door of [0, 1])
    round.cuts.push({ where: door === 1 ? 'holder killed' : 'its guest', calls: stage.relay.open(door) })
  holder.process.kill('SIGKILL')
  await follow(holder)
  const end = await follow(guest)
  round.told.push(`holder killed, guest ended with ${sayEnd(end)}`)
  stage.relay.pauseMs = 0
  for (const door of [0, 1]) await settled(stage, door)
  scene.shiftMs += PAST_LEASE_MS
  await finishRound(scene, round)
  await endRound(scene, round)
}

/** Until a message came by this door, or so long that none will. */
async function firstTaken(scene: Scene, round: Round, door: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < 30_000 && countBy(scene, round, door) === 0; waitedMs += 20) await sleep(20)
}
