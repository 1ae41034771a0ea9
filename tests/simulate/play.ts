import { CourantError } from '../../src/errors.ts'
import type { TickReport } from '../../src/scheduler/tick.ts'
import type { Act, Deed } from './acts.ts'
import { type PeopleDeed, perform } from './deeds.ts'
import { isPlanted } from './failing.ts'
import { lookAt } from './look.ts'
import { readMail } from './mails.ts'
import type { Trap } from './member.ts'
import { type Ended, type Process, startProcess } from './process.ts'
import { judgeConsent } from './rules/consent.ts'
import { isOver, type Knowledge, noteDeliveries, type Step } from './rules/knowledge.ts'
import { judgeCopies, judgeMails } from './rules/mails.ts'
import { judgeMissing } from './rules/missing.ts'
import { judgeEditions, judgePunctual } from './rules/slots.ts'
import { beginTick, type Tick, type Ticking } from './tick.ts'
import type { World } from './world.ts'

/** What a deed came to: whether nothing disturbed it, and what was wrong apart from the rules. */
type Outcome = { readonly clean: boolean; readonly tickedMs: number | null; readonly wrong: readonly string[] }

/** Plays one act and judges what came of it; what is wrong, in words. */
export async function playAct(world: World, known: Knowledge, act: Act): Promise<readonly string[]> {
  const { clock } = world
  clock.pass(Math.max(0, act.at * 1000 - clock.trueMs()))
  return playDeed(world, known, act.deed, act.trap)
}

async function playDeed(world: World, known: Knowledge, deed: Deed, trap: Trap | null): Promise<readonly string[]> {
  const { clock } = world
  const fromMs = clock.wallMs()
  const nested: string[] = []
  const outcome = await doDeed(world, deed, trap, async (inner) => {
    nested.push(...(await playDeed(world, known, inner, null)))
  })
  return [...nested, ...outcome.wrong, ...(await judge(world, known, deed.kind, outcome, fromMs))]
}

type PlayInner = (deed: Deed) => Promise<void>

async function doDeed(world: World, deed: Deed, trap: Trap | null, playInner: PlayInner): Promise<Outcome> {
  if (deed.kind === 'tick') return doTick(world, deed, trap, playInner)
  if (deed.kind === 'setClock') {
    world.clock.set(deed.byMinutes * 60_000)
    return { clean: false, tickedMs: null, wrong: [] }
  }
  return doPeople(world, deed, trap)
}

/** A refusal is an answer; anything else that is thrown is a fault. */
async function doPeople(world: World, deed: PeopleDeed, trap: Trap | null): Promise<Outcome> {
  const process = startProcess('people', world.pool, world.gate, trap)
  const nothing = { tickedMs: null, wrong: [] }
  try {
    const ended = await process.work(() => perform(world, process.db, deed)).ended
    return { ...nothing, clean: ended.kind === 'done' }
  } catch (error) {
    if (error instanceof CourantError) return { ...nothing, clean: true }
    // Whoever did it is told so, and may do it again.
    if (isPlanted(error)) return { ...nothing, clean: false }
    return { clean: false, tickedMs: null, wrong: [`${deed.kind} broke: ${reasonOf(error)}`] }
  }
}

const reasonOf = (error: unknown) => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

async function doTick(world: World, deed: Tick, trap: Trap | null, playInner: PlayInner): Promise<Outcome> {
  const tickedMs = world.clock.wallMs()
  const fates = world.gate.fates()
  const failures = world.gate.failures()
  const process = startProcess(`worker ${world.ticking}`, world.pool, world.gate, trap)
  const twin = deed.twin ? startProcess('twin', world.pool, world.gate, null) : null
  world.ticking += 1
  const ticking = await beginTick(world, process, deed)
  const other = twin === null ? null : await beginTick(world, twin, { mishaps: [], halt: null })
  await Promise.race([ticking.work.ended, ticking.work.frozen])
  if (world.gate.fates() > fates && !process.isDead()) {
    world.clock.pass(deed.meanwhile.seconds * 500)
    for (const inner of deed.meanwhile.deeds) await playInner(inner)
    world.clock.pass(deed.meanwhile.seconds * 500)
    process.thaw()
  }
  const ends = [await endOf(process, ticking), ...(twin === null || other === null ? [] : [await endOf(twin, other)])]
  world.ticking -= 1
  const isUndisturbed = world.gate.fates() === fates && world.gate.failures() === failures
  const clean = isUndisturbed && ends.every(isCalm)
  return {
    clean,
    tickedMs: clean ? tickedMs : null,
    wrong: isUndisturbed ? ends.flatMap(faultsOf) : [],
  }
}

type End = { readonly ended: Ended<TickReport>; readonly mishaps: number }

async function endOf(process: Process, { work, relay, mishaps }: Ticking): Promise<End> {
  const ended = await work.ended
  if (process.isDead()) relay.hangUp()
  return { ended, mishaps: mishaps() }
}

const isCalm = ({ ended, mishaps }: End) =>
  ended.kind === 'done' && mishaps === 0 && ended.value.troubles.length === 0 && ended.value.waiting.length === 0

/** What a tick says went wrong, though the relay did as it should. */
function faultsOf({ ended, mishaps }: End): readonly string[] {
  if (ended.kind === 'died' || mishaps > 0) return []
  const { troubles, waiting } = ended.value
  return [
    ...troubles.map(({ part, reason }) => `tick: ${part}: ${reason}`),
    ...waiting.map(({ reason }) => `tick waits: ${reason}`),
  ]
}

async function judge(
  world: World,
  known: Knowledge,
  kind: string,
  { clean, tickedMs }: Outcome,
  fromMs: number,
): Promise<readonly string[]> {
  const { clock, sink, gate, read } = world
  const before = world.look
  const open = before.editions.filter((edition) => !isOver(edition)).map(({ id }) => id)
  const after = await lookAt(world.db, open, before.editions.at(-1)?.id ?? 0)
  world.look = after
  const mails = sink.mails.slice(read.length).map(readMail)
  read.push(...mails)
  const step: Step = {
    kind,
    clean,
    tickedMs,
    fromMs,
    toMs: clock.wallMs(),
    trueMs: clock.trueMs(),
    before,
    after,
    mails,
  }
  noteDeliveries(known, step)
  return [
    ...after.wrong.map((what) => `sums: ${what}`),
    ...judgeMails(known, step),
    ...judgeCopies(known, step, gate.fates() + world.lostReplies),
    ...judgeConsent(known, step),
    ...judgeMissing(known, step),
    ...judgeEditions(known, step),
    ...judgePunctual(known, step),
  ]
}
