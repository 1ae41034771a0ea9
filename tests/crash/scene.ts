import { sql } from 'drizzle-orm'
import { systemClock } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import type { Dice } from '../simulate/dice.ts'
import type { End } from './child.ts'
import { judge } from './promises.ts'
import { publish } from './readers.ts'
import type { Stage } from './stage.ts'
import { readStanding } from './standing.ts'
import type { Cut, Order, Run } from './strike.ts'
import { run } from './strike.ts'

/** What all rounds of a stage batch: the moved clock, and the count. */
export type Scene = {
  readonly stage: Stage
  readonly dice: Dice
  /** How far the clock of the processes runs ahead. */
  shiftMs: number
  rounds: number
  /** Addresses that the relay ever put off: what was deferred in one edition is deferred in the next that takes over. */
  readonly putOff: Set<string>
  /** All kills and the like there were. */
  readonly cuts: Cut[]
  readonly tally: Tally
  readonly say: (line: string) => void
}

export type Tally = { kills: number; cutConnections: number; repeated: number; messages: number; mostRepeated: number }

/** One edition on its way, from new articles to what became of it. */
export type Round = {
  readonly number: number
  readonly kind: 'hand' | 'slot'
  readonly fromEditionId: number
  readonly firstCall: number
  readonly planned: number
  readonly cuts: Cut[]
  /** What was started, and how it ended. */
  readonly told: string[]
  readonly putOff: ReadonlySet<string>
}

/** A broken promise, with what led to it. */
export class BrokenPromise extends Error {}

/** A lease ends after 15 s, a recall after 60 s, and what a relay put off for the first time after 5 to 7.5 minutes. */
export const PAST_LEASE_MS = 16_000
export const PAST_RECALL_MS = 61_000
export const PAST_RETRY_MS = 8 * 60_000

/** New to everybody in each round. */
const ARTICLES = 3

export const atOf = (scene: Scene): string =>
  new Date(systemClock.now().epochMilliseconds + scene.shiftMs).toISOString()

/** Publishes articles and says who shall get them: all active readers whose address is not suppressed. */
export async function beginRound(scene: Scene, kind: Round['kind'], putOff: ReadonlySet<string>): Promise<Round> {
  const { stage } = scene
  scene.rounds += 1
  stage.relay.refuse = () => null
  const found = await publishSettled(scene, kind)
  stage.relay.refuse = refuseOnce(putOff)
  for (const address of putOff) scene.putOff.add(address)
  return {
    number: scene.rounds,
    kind,
    fromEditionId: found.next,
    firstCall: stage.relay.calls.length,
    planned: found.planned,
    cuts: [],
    told: [],
    putOff: scene.putOff,
  }
}

/** The next edition's id, and how many readers it is for. */
type Audience = { readonly next: number; readonly planned: number }

/** Nobody may be in doubt: they would not be planned again before that has ended. */
async function publishSettled(scene: Scene, kind: Round['kind']): Promise<Audience> {
  const { stage } = scene
  for (let tries = 0; tries < 5; tries++) {
    const dueMs = kind === 'slot' ? systemClock.now().epochMilliseconds + scene.shiftMs - 1000 : null
    const audience = await stage.look(async (db) => {
      const doubts = await db.execute(sql`
        select from delivery where ambiguous and state in ('queued', 'deferred') limit 1`)
      if (doubts.rows.length > 0) return null
      await publish(db, ARTICLES, dueMs)
      return readAudience(db)
    })
    if (audience !== null) return audience
    // One that was put off after several attempts waits for up to hours.
    scene.shiftMs += 2 ** (tries + 1) * PAST_RETRY_MS
    await run(stage, { words: ['tick', '--json'], shiftMs: scene.shiftMs, strike: null })
  }
  throw new BrokenPromise('a delivery in doubt does not come to its end')
}

async function readAudience(db: Database): Promise<Audience> {
  const found = await db.execute<Audience>(sql`
    select coalesce((select max(id) from edition), 0) + 1 as next, count(*) as planned
    from subscription s join subscriber p on p.id = s.subscriber_id
    where s.state = 'active' and not exists (select from suppression x where x.email_hash = p.email_hash)`)
  return found.rows[0] ?? { next: 1, planned: 0 }
}

function refuseOnce(addresses: ReadonlySet<string>): (to: string) => string | null {
  const left = new Set(addresses)
  return (to) => (left.delete(to) ? '451 4.3.0 come back later' : null)
}

/** The words that go on with a round: with its key, or whatever is due. */
export function wordsOf(round: Round, how: 'send' | 'tick' | 'serve', scene: Scene): readonly string[] {
  switch (how) {
    case 'send':
      return ['digest', 'send', '--key', `round-${round.number}`, '--json']
    case 'tick':
      return ['tick', '--now', atOf(scene), '--json']
    case 'serve':
      return ['serve', '--roles', 'worker,scheduler', '--json']
  }
}

/** Runs one process of the round; where it was killed, or said that it failed, that is written down. */
export async function play(scene: Scene, round: Round, order: Omit<Order, 'shiftMs'>): Promise<Run> {
  const done = await run(scene.stage, { ...order, shiftMs: scene.shiftMs })
  const { end, cut } = done
  const how = order.words[0] === 'digest' ? 'send' : order.words[0]
  round.told.push(cut === null ? `${how}: ${sayEnd(end)}` : `${how} killed ${cut.where} (${cut.calls.length} open)`)
  if (cut !== null) round.cuts.push(cut)
  return done
}

/** Its exit code, and where it failed the beginning of what it said. */
export function sayEnd({ code, signal, err }: End): string {
  if (code === 0) return '0'
  const said = /"message":"(.{0,60})/.exec(err)?.[1] ?? err.slice(0, 60)
  return `${signal ?? code} (${said.replaceAll('\n', ' ')})`
}

/** Whether the round's edition has come to its end: final, or due later than now. */
export async function isOver(scene: Scene, round: Round): Promise<boolean> {
  return scene.stage.look(async (db) => {
    const found = await db.execute<{ editions: number; unready: number; due: number }>(sql`
      select count(*) as editions, count(*) filter (where e.state in ('planning', 'paused', 'held')) as unready,
        (select count(*) from batch where due_at <= ${atOf(scene)}) as due
      from edition e where e.id >= ${round.fromEditionId}`)
    const { editions = 0, unready = 0, due = 0 } = found.rows[0] ?? {}
    const cohorts = await db.execute(sql`select from cohort where next_due_at <= ${atOf(scene)}`)
    return editions > 0 && unready + due === 0 && cohorts.rows.length === 0
  })
}

/** Holds all promises against what is there, tells the round in a line, and throws where one is broken. */
export async function endRound(scene: Scene, round: Round): Promise<void> {
  const { stage, tally } = scene
  const standing = await stage.look((db) => readStanding(db, atOf(scene)))
  scene.cuts.push(...round.cuts)
  const cutCalls = new Set(scene.cuts.flatMap(({ calls }) => calls.map(({ number }) => number)))
  const verdict = judge(standing, stage.relay.calls, { ...round, cutCalls })
  const broken = [...verdict.broken, ...judgeCuts(scene.cuts, cutCalls, verdict.repeatedAfter)]
  const repeated = verdict.repeated - tally.repeated
  const open = round.cuts.map(({ calls }) => calls.length)
  const messages = stage.relay.calls.slice(round.firstCall).reduce((sum, call) => sum + call.taken.length, 0)
  const cutConnections = open.reduce((sum, count) => sum + count, 0)
  tally.kills += round.cuts.length
  tally.cutConnections += cutConnections
  tally.repeated += repeated
  tally.messages += messages
  tally.mostRepeated = Math.max(tally.mostRepeated, repeated)
  const line = `${stage.engine} round ${round.number} (${round.kind}): ${round.told.join('; ')} | planned ${round.planned}, taken ${messages}, repeated ${repeated} of at most ${cutConnections}, broken ${broken.length}`
  scene.say(line)
  if (broken.length === 0) return
  throw new BrokenPromise([line, ...broken.slice(0, 20)].join('\n  '))
}

/** No kill repeats more than the connections it cut, and nothing is repeated that no kill had cut off. */
function judgeCuts(
  cuts: readonly Cut[],
  known: ReadonlySet<number>,
  repeatedAfter: ReadonlyMap<number, number>,
): readonly string[] {
  const broken = cuts.flatMap(({ where, calls }) => {
    const repeated = calls.reduce((sum, call) => sum + (repeatedAfter.get(call.number) ?? 0), 0)
    return repeated > calls.length ? [`${where}: ${repeated} repeated, ${calls.length} connections were open`] : []
  })
  const unknown = [...repeatedAfter.keys()].filter((number) => !known.has(number))
  if (unknown.length > 0) broken.push(`repeated after connections that nothing cut: ${unknown.join(', ')}`)
  return broken
}

/**
 * At the end, when all that was deferred is due: every delivery there ever was is final, and one more sending finds nothing
 * new to anybody.
 */
export async function endScene(scene: Scene): Promise<void> {
  const { stage } = scene
  stage.relay.refuse = () => null
  for (const [shiftMs, words] of [
    [PAST_RETRY_MS, ['tick', '--json']],
    [PAST_RETRY_MS, ['tick', '--json']],
    [0, ['digest', 'send', '--json']],
  ] as const) {
    scene.shiftMs += shiftMs
    const { end } = await run(stage, { words, shiftMs: scene.shiftMs, strike: null })
    if (end.code !== 0) throw new BrokenPromise(`the last ${words.join(' ')} ended with ${end.code}: ${end.err}`)
    if (words[0] === 'digest' && !/"edition":null/.test(end.out))
      throw new BrokenPromise(`it was sent again: ${end.out}`)
  }
  const open = await stage.look((db) =>
    db.execute<{ what: string }>(sql`
      select 'delivery ' || edition_id || '/' || seq || ' is ' || state as what from delivery
      where state in ('queued', 'sending', 'deferred')
      union all
      select 'edition ' || id || ' is ' || state from edition where state <> 'finished'
      union all
      select 'batch ' || id || ' is due' from batch where due_at is not null
      limit 10`),
  )
  if (open.rows.length > 0) throw new BrokenPromise(open.rows.map(({ what }) => what).join('\n  '))
  scene.say(`${stage.engine}: all is final, and sending again finds nothing new`)
}
