import type { Dice } from './dice.ts'
import { LOST, REFUSED } from './failing.ts'
import type { Trap } from './member.ts'
import type { Says, Stage } from './sink.ts'

/** What the relay does to `count` messages of a tick, from the `nth` on. */
export type Mishap = { readonly nth: number; readonly count: number; readonly stage: Stage; readonly says: Says }

/** A process's fate in the middle of a message: the `nth` of its tick. */
export type Halt = { readonly nth: number; readonly stage: Stage; readonly does: 'die' | 'freeze' }

/** Numbers named `pick` choose among what there is when the time comes, so that an act means something in any history. */
export type Deed =
  | { readonly kind: 'publish'; readonly newsletter: number; readonly topics: readonly string[] }
  | { readonly kind: 'edit'; readonly pick: number; readonly topics: readonly string[] | null }
  | { readonly kind: 'hide' | 'remove'; readonly pick: number }
  /** A form is filled in; what the mail says is to be confirmed. */
  | { readonly kind: 'ask'; readonly reader: number; readonly schedule: number; readonly topics: readonly string[] }
  | { readonly kind: 'confirm'; readonly pick: number }
  /** An administrator has a reader's word, or moves them. */
  | {
      readonly kind: 'signUp' | 'move'
      readonly reader: number
      readonly schedule: number
      readonly topics: readonly string[]
    }
  | { readonly kind: 'leave'; readonly pick: number; readonly all: boolean }
  | { readonly kind: 'undo' }
  | { readonly kind: 'rest' | 'return'; readonly pick: number }
  | { readonly kind: 'complain'; readonly reader: number }
  | { readonly kind: 'pauseNewsletter' | 'resumeNewsletter'; readonly newsletter: number }
  | { readonly kind: 'pauseEdition' | 'resumeEdition' | 'cancelEdition'; readonly pick: number }
  | { readonly kind: 'change'; readonly newsletter: number; readonly schedule: number; readonly minArticles: number }
  | { readonly kind: 'send'; readonly newsletter: number; readonly to: number | null; readonly key: string | null }
  | { readonly kind: 'setClock'; readonly byMinutes: number }
  | {
      readonly kind: 'tick'
      readonly mishaps: readonly Mishap[]
      readonly halt: Halt | null
      /** Another process ticks at the same time. */
      readonly twin: boolean
      /** What happens, in so many seconds, while the process stands still. */
      readonly meanwhile: { readonly seconds: number; readonly deeds: readonly Deed[] }
    }

/** A deed at its time, in seconds from the start by the true clock, and the fate of the process that does it. */
export type Act = { readonly at: number; readonly deed: Deed; readonly trap: Trap | null }

const HOUR = 3600
const DAY = 24 * HOUR
const TOPICS: readonly (readonly string[])[] = [[], [], ['Sport'], ['Kultur'], ['Sport', 'Kultur']]
/** Deeds of people, by how often they come. */
const PEOPLE = {
  ...{ publish: 40, edit: 3, hide: 3, remove: 1, ask: 8, confirm: 8, signUp: 10, move: 8, leave: 4, undo: 3, rest: 2 },
  ...{ return: 6, complain: 0.4, pauseNewsletter: 1.5, resumeNewsletter: 8, pauseEdition: 3, resumeEdition: 6 },
  ...{ cancelEdition: 2, change: 2, send: 4, setClock: 1 },
}
const REFUSALS: readonly [Says, ...Says[]] = [
  ...(['451 4.3.0 later', '451 4.3.0 later', '450 4.2.1 busy', '421 4.3.2 closing', '550 5.7.1 not this'] as const),
  ...(['550 5.1.1 nobody of that name', 'drop', 'drop', 'drop', '554 5.6.0 no', '451 4.7.1 slowly'] as const),
]

/** Writes the history of so many days: everything that happens is chosen here, before it begins. */
export function writeHistory(dice: Dice, days: number): readonly Act[] {
  const acts: Act[] = [0, 1, 2, 3, 4, 5].map((reader) => at(60 + reader, openingOf(dice, reader)))
  for (let day = 0; day < days; day += 1) {
    for (let count = 1 + dice.below(5); count > 0; count -= 1) {
      const deed = chooseDeed(dice)
      const fate = dice.chance(12) ? dice.pick(['die', 'fail']) : null
      acts.push({
        at: day * DAY + dice.below(DAY),
        deed,
        trap: fate === null ? null : chooseTrap(dice, fate === 'die' ? 40 : 20, fate),
      })
    }
    if (dice.chance(8)) continue
    for (const hour of SLOT_HOURS)
      if (dice.chance(85)) acts.push(chooseTick(dice, day * DAY + hour * HOUR + chooseDelay(dice)))
    if (dice.chance(50)) acts.push(chooseTick(dice, day * DAY + dice.below(DAY)))
  }
  return acts.toSorted((one, other) => one.at - other.at)
}

/** Hours of the day, in UTC, around which readers' hours lie. */
export const SLOT_HOURS = [5, 16] as const

const at = (seconds: number, deed: Deed): Act => ({ at: seconds, deed, trap: null })
const anyTopics = (dice: Dice) => TOPICS[dice.below(TOPICS.length)] ?? []

function openingOf(dice: Dice, reader: number): Deed {
  return {
    kind: 'signUp',
    reader,
    schedule: reader === 0 ? 0 : dice.below(1000),
    topics: reader < 2 ? [] : anyTopics(dice),
  }
}

/** Mostly minutes after the slot, at times hours: within the grace, or beyond it. */
function chooseDelay(dice: Dice): number {
  return dice.chance(80) ? 60 + dice.below(1800) : dice.below(9 * HOUR)
}

function chooseTick(dice: Dice, seconds: number): Act {
  const isHalted = dice.chance(9)
  const halt = isHalted ? chooseHalt(dice) : null
  const trap =
    halt === null && dice.chance(35) ? chooseTrap(dice, 130, dice.pick(['die', 'freeze', 'fail', 'fail'])) : null
  const isFrozen = (halt ?? trap)?.does === 'freeze'
  const deeds = isFrozen ? Array.from({ length: 1 + dice.below(2) }, () => chooseMeanwhile(dice)) : []
  const meanwhile = { seconds: isFrozen ? 1 + dice.below(dice.chance(50) ? 13 : 60) : 0, deeds }
  const mishaps = dice.chance(25) ? [chooseMishap(dice)] : []
  return { at: seconds, deed: { kind: 'tick', mishaps, halt, twin: !isFrozen && dice.chance(10), meanwhile }, trap }
}

function chooseHalt(dice: Dice): Halt {
  const stage = dice.pick<Stage>(['mail', 'rcpt', 'data', 'half', 'dot', 'dot', 'replied'])
  return { nth: 1 + dice.below(3), stage, does: dice.pick(['die', 'freeze']) }
}

function chooseTrap(dice: Dice, most: number, does: Trap['does']): Trap {
  const when = dice.pick(['before', 'after'])
  const on = does !== 'die' && dice.chance(60) ? dice.pick(MOMENTS) : null
  const at = 1 + dice.below(on === null ? most : 3)
  if (does !== 'fail') return { at, when, does, on }
  // Only with the connection is an answer lost; and a long row of failures is one of the same statement.
  const code = dice.pick(when === 'after' ? LOST : [...REFUSED, ...LOST])
  return { at, when, on, does, code, times: dice.chance(60) ? 1 : 1 + dice.below(on === null ? 3 : 7) }
}

/** Statements in the middle of a sending: a notice or a delivery is claimed, a variant read, an outcome written, a batch given back. */
const MOMENTS = [
  'update notice n set',
  'claimed as (',
  'from "edition_article"',
  'with result as (',
  'owner = null, lease_until = null',
] as const

function chooseMishap(dice: Dice): Mishap {
  const stage = dice.pick<Stage>(['mail', 'rcpt', 'rcpt', 'rcpt', 'data', 'half', 'dot', 'dot', 'replied'])
  const says = stage === 'half' || stage === 'replied' ? 'drop' : dice.pick(REFUSALS)
  return { nth: 1 + dice.below(4), count: 1 + dice.below(dice.chance(70) ? 1 : 5), stage, says }
}

function chooseMeanwhile(dice: Dice): Deed {
  if (dice.chance(50))
    return { kind: 'tick', mishaps: [], halt: null, twin: false, meanwhile: { seconds: 0, deeds: [] } }
  return dice.chance(60) ? { kind: 'leave', pick: dice.below(1000), all: false } : chooseDeed(dice)
}

function chooseDeed(dice: Dice): Deed {
  const kind = dice.weigh(PEOPLE)
  const [pick, reader, schedule] = [dice.below(1000), dice.below(1000), dice.below(1000)]
  const topics = anyTopics(dice)
  switch (kind) {
    case 'publish':
      return { kind, newsletter: pick, topics }
    case 'edit':
      return { kind, pick, topics: dice.chance(50) ? topics : null }
    case 'ask':
    case 'signUp':
    case 'move':
      return { kind, reader, schedule, topics }
    case 'leave':
      return { kind, pick, all: dice.chance(30) }
    case 'undo':
      return { kind }
    case 'complain':
      return { kind, reader }
    case 'pauseNewsletter':
    case 'resumeNewsletter':
      return { kind, newsletter: pick }
    case 'change':
      return { kind, newsletter: pick, schedule, minArticles: 1 + dice.below(3) }
    case 'send':
      return {
        kind,
        newsletter: pick,
        to: dice.chance(40) ? reader : null,
        key: dice.chance(30) ? `key${dice.below(3)}` : null,
      }
    case 'setClock':
      return { kind, byMinutes: dice.chance(50) ? dice.below(60) - 30 : dice.below(5000) - 2500 }
    case 'hide':
    case 'remove':
    case 'confirm':
    case 'rest':
    case 'return':
    case 'pauseEdition':
    case 'resumeEdition':
    case 'cancelEdition':
      return { kind, pick }
  }
}
