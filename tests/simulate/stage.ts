import { pino } from 'pino'
import type { Clock } from '../../src/clock.ts'
import { Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { loadTemplates, type Templates } from '../../src/digest/templates/templates.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import type { TickWork } from '../../src/scheduler/tick.ts'
import { type LinkKeys, openLinkKeys } from '../../src/subscribers/tokens.ts'
import { addNewsletter } from '../support/newsletters.ts'
import { nearRelay } from '../support/sender.ts'
import { SLOT_HOURS } from './acts.ts'
import type { Dice } from './dice.ts'
import type { Wanted } from './slots.ts'

/** Where the play is set: when it begins, what can be chosen, who reads. */
export type Scene = {
  readonly startMs: number
  readonly newsletters: number
  readonly choices: readonly Choice[]
  readonly addresses: readonly string[]
}
export type Choice = Wanted & { readonly frequency: (typeof FREQUENCIES)[number] }

const FREQUENCIES = ['daily', 'daily', 'daily', 'weekdays', 'weekly', 'monthly', 'instant'] as const
/** Days on which clocks change, here or there, or nothing happens at all. */
const STARTS = ['2026-03-05', '2026-03-24', '2026-05-04', '2026-10-10', '2026-10-28', '2026-12-20'] as const
const ZONES = [
  ...(['Europe/Berlin', 'Europe/Berlin', 'Europe/London', 'America/St_Johns', 'Asia/Kolkata'] as const),
  ...(['Pacific/Kiritimati', 'Australia/Lord_Howe', 'Etc/UTC', 'America/Santiago'] as const),
] as const
const READERS = 9

/** Chooses the scene; hours are such that most slots lie together, as it is in the world and as planning costs most. */
export function chooseScene(dice: Dice): Scene {
  const startMs = Temporal.Instant.from(`${dice.pick(STARTS)}T00:00:00Z`).epochMilliseconds
  const choices = Array.from({ length: 5 }, (_, index): Choice => {
    const frequency = index === 0 ? 'daily' : (FREQUENCIES[dice.below(FREQUENCIES.length)] ?? 'daily')
    const zone = index === 0 ? 'Europe/Berlin' : dice.pick(ZONES)
    const moment = startMs + dice.pick(SLOT_HOURS) * 3_600_000
    const { hour } = Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(zone)
    return {
      frequency,
      zone,
      hour: frequency === 'instant' ? null : hour,
      weekday: frequency === 'weekly' ? 1 + dice.below(7) : null,
    }
  })
  const addresses = Array.from({ length: READERS }, (_, index) => `leser${index}@post.example`)
  return { startMs, newsletters: dice.chance(25) ? 2 : 1, choices, addresses }
}

/** What all simulated processes batch: made once. */
export type Properties = { readonly templates: Templates; readonly keys: LinkKeys }

export async function loadProperties(): Promise<Properties> {
  const dir = new URL('./templates', import.meta.url).pathname
  return {
    templates: await loadTemplates({ dir }),
    keys: openLinkKeys(['a secret of the simulation that is long enough']),
  }
}

/** What a process ticks with: one connection to the relay at this port. */
export function workWith({ templates, keys }: Properties, port: number): TickWork {
  const relays = [nearRelay(`smtp://127.0.0.1:${port}?connections=1&tls=off`)]
  const log = pino({ level: 'silent' })
  const context = { templates, baseUrl: 'https://digest.example.org', linkKeys: keys, inboundDomain: null }
  return { sender: { relays, context, log }, collecting: { userAgent: 'Courant', allowPrivate: false }, log }
}

export async function addNewsletters(db: Database, scene: Scene, clock: Clock): Promise<readonly Newsletter[]> {
  const added: Newsletter[] = []
  const [home] = scene.choices
  for (let index = 0; index < scene.newsletters; index += 1)
    added.push(
      await addNewsletter(
        db,
        {
          slug: `blatt${index}`,
          name: `Blatt ${index}`,
          from: `Redaktion <brief${index}@blatt.example>`,
          imprint: 'Verlag Beispiel, Musterweg 1, 10115 Berlin',
          zone: home?.zone,
          hour: home?.hour,
        },
        clock.now(),
      ),
    )
  return added
}
