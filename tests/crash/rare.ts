import type { Event } from './events.ts'
import { finishRound } from './kills.ts'
import { MOMENTS } from './points.ts'
import { beginRound, endRound, PAST_LEASE_MS, PAST_RETRY_MS, play, type Scene, wordsOf } from './scene.ts'

const NOBODY: ReadonlySet<string> = new Set()
const BOTH = ['embedded', 'postgres'] as const
/** A claimed delivery is looked at again after a second; a chunk of 50 over 5 connections takes longer then. */
const SLOW_MS = 150

type Moment = (typeof MOMENTS)[number]

/** The fault points that need something to happen first, each at each of its moments. */
export const RARE_EVENTS: readonly Event[] = MOMENTS.flatMap((moment): Event[] => [
  {
    name: `killed ${moment} taking over a dead worker's batch`,
    engines: BOTH,
    play: (scene) => takeOver(scene, moment),
  },
  { name: `killed ${moment} looking at readers again`, engines: BOTH, play: (scene) => lookAgain(scene, moment) },
  { name: `killed ${moment} giving batches back at a stop`, engines: BOTH, play: (scene) => giveBack(scene, moment) },
  { name: `killed ${moment} deferring what no relay takes`, engines: BOTH, play: (scene) => defer(scene, moment) },
])

async function takeOver(scene: Scene, moment: Moment): Promise<void> {
  const round = await beginRound(scene, 'hand', NOBODY)
  const words = wordsOf(round, 'send', scene)
  await play(scene, round, { words, strike: { kind: 'dot', count: 20, replied: false } })
  scene.shiftMs += PAST_LEASE_MS
  await play(scene, round, { words, strike: { kind: 'point', at: `requeue:${moment}:1` } })
  // No lease lives any more, so this one need not wait; but where one does, it waits in real time.
  await finishRound(scene, round)
  await endRound(scene, round)
}

async function lookAgain(scene: Scene, moment: Moment): Promise<void> {
  const { relay } = scene.stage
  const round = await beginRound(scene, 'hand', NOBODY)
  relay.pauseMs = SLOW_MS
  const strike = { kind: 'point', at: `recheck:${moment}:1` } as const
  await play(scene, round, { words: wordsOf(round, 'send', scene), strike })
  relay.pauseMs = 0
  scene.shiftMs += PAST_LEASE_MS
  await finishRound(scene, round)
  await endRound(scene, round)
}

async function giveBack(scene: Scene, moment: Moment): Promise<void> {
  const { relay } = scene.stage
  const round = await beginRound(scene, 'slot', NOBODY)
  relay.pauseMs = SLOW_MS
  const from = relay.count()
  await play(scene, round, {
    words: wordsOf(round, 'serve', scene),
    strike: { kind: 'point', at: `end lease:${moment}:1` },
    until: async () => relay.count() > from,
  })
  relay.pauseMs = 0
  scene.shiftMs += PAST_LEASE_MS
  await finishRound(scene, round)
  await endRound(scene, round)
}

async function defer(scene: Scene, moment: Moment): Promise<void> {
  const { relay } = scene.stage
  const round = await beginRound(scene, 'hand', NOBODY)
  await relay.fall()
  const strike = { kind: 'point', at: `defer:${moment}:1` } as const
  await play(scene, round, { words: wordsOf(round, 'send', scene), strike })
  await relay.revive()
  scene.shiftMs += PAST_RETRY_MS
  await finishRound(scene, round)
  await endRound(scene, round)
}
