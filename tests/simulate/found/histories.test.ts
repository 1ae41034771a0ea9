import { afterAll, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { openTestDatabase } from '../../support/database.ts'
import type { Act, Deed } from '../acts.ts'
import { openGround } from '../ground.ts'
import type { Trap } from '../member.ts'
import { simulate } from '../simulation.ts'
import type { Scene } from '../stage.ts'

const database = await openTestDatabase()
const ground = await openGround(database.url)
afterAll(async () => {
  await ground.close()
  await database.close()
})

const HOUR = 3600
const DAY = 24 * HOUR
/** A daily newsletter at 16:00 UTC from a Monday on. */
const SCENE: Scene = {
  startMs: Temporal.Instant.from('2026-05-04T00:00:00Z').epochMilliseconds,
  newsletters: 1,
  choices: [{ frequency: 'daily', weekday: null, hour: 16, zone: 'Etc/UTC' }],
  addresses: ['eva@post.example', 'tom@post.example'],
}

type Tick = Extract<Deed, { kind: 'tick' }>
const act = (at: number, deed: Deed, trap: Trap | null = null): Act => ({ at, deed, trap })
const tick = (how: Partial<Tick> = {}): Deed => {
  return { kind: 'tick', mishaps: [], halt: null, twin: false, meanwhile: { seconds: 0, deeds: [] }, ...how }
}
const signUp = act(60, { kind: 'signUp', reader: 0, schedule: 0, topics: [] })
const publish = (at: number) => act(at, { kind: 'publish', newsletter: 0, topics: [] })
const SLOT = 16.1 * HOUR
/** A first digest, so that there is a link to leave by, and another article. */
const read = [signUp, publish(3 * HOUR), act(SLOT, tick()), publish(DAY)]
const leaves: Tick['meanwhile'] = { seconds: 5, deeds: [{ kind: 'leave', pick: 0, all: false }] }
const freezesAfter = (on: string): Trap => ({ at: 1, when: 'after', does: 'freeze', on })
const ALL = { kind: 'send', newsletter: 0, to: null, key: null } as const

/** The shortest histories of faults that simulations found, each by what must hold in it. */
const FOUND: Readonly<Record<string, readonly Act[]>> = {
  'a sending by hand of a newsletter that was paused just before loses no article': [
    ...[signUp, publish(3 * HOUR), act(4 * HOUR, { kind: 'pauseNewsletter', newsletter: 0 }), act(5 * HOUR, ALL)],
  ],
  'a worker that stands still after it looked at a reader looks again before it sends': [
    ...[...read, act(DAY + SLOT, tick({ meanwhile: leaves }), freezesAfter('claimed as ('))],
  ],
  'a worker that takes long to write a message looks at its reader again before it sends': [
    ...[...read, act(DAY + SLOT, tick({ meanwhile: leaves }), freezesAfter('from "edition_article"'))],
  ],
  'a worker that stands still after it claimed a confirmation looks again before it sends': [
    act(100, { kind: 'ask', reader: 1, schedule: 0, topics: [] }),
    act(
      200,
      tick({ meanwhile: { seconds: 5, deeds: [{ kind: 'complain', reader: 1 }] } }),
      freezesAfter('update notice n set'),
    ),
  ],
  'what a worker died over is tried again as it is, and not put into a newer message': [
    ...[signUp, publish(3 * HOUR), act(SLOT, tick({ halt: { nth: 1, stage: 'dot', does: 'die' } }))],
    ...[publish(DAY), act(DAY + SLOT, tick())],
  ],
  'what a relay took without a reply is tried again as it is, and not put into a newer message': [
    ...[signUp, publish(3 * HOUR)],
    act(SLOT, tick({ mishaps: [{ nth: 1, count: 3, stage: 'dot', says: 'drop' }] })),
    ...[publish(SLOT + 60), act(SLOT + 120, ALL), act(SLOT + HOUR, tick())],
  ],
  'a worker that died before the clock was set back by days holds nobody up until the old time is reached again': [
    ...[signUp, publish(3 * HOUR), act(SLOT, tick(), { at: 1, when: 'after', does: 'die', on: 'claimed as (' })],
    ...[act(SLOT + 60, { kind: 'setClock', byMinutes: -4320 }), publish(SLOT + HOUR)],
    ...[act(DAY + SLOT, tick()), act(2 * DAY + SLOT, tick())],
  ],
}

test.each(Object.entries(FOUND))('%s', async (_, acts) => {
  expect((await simulate(ground, { seed: 1, days: 3, scene: SCENE }, acts)).fault).toBeNull()
})
