import { expect, test } from 'vitest'
import { Temporal } from '../../src/clock.ts'
import { FREQUENCIES } from '../../src/db/schema/newsletter.ts'
import { latestSlot, type Schedule } from '../../src/newsletters/schedule/slots.ts'
import { throwDice } from './dice.ts'
import { lastDue } from './slots.ts'

const ZONES = [
  'Europe/Berlin',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
  'America/Santiago',
] as const

test('what a schedule means is the same in plain words as in the product', () => {
  const dice = throwDice(7)
  const start = Temporal.Instant.from('2026-01-01T00:00:00Z')
  for (let count = 0; count < 400; count += 1) {
    const frequency = FREQUENCIES[dice.below(FREQUENCIES.length)] ?? 'daily'
    const weekday = frequency === 'weekly' ? 1 + dice.below(7) : null
    const hour = frequency === 'instant' ? null : dice.below(24)
    const schedule: Schedule = { frequency, weekday, hour, zone: dice.pick(ZONES) }
    const at = start.add({ minutes: dice.below(365 * 24 * 60) })
    expect([schedule, lastDue(schedule, at.epochMilliseconds)]).toEqual([
      schedule,
      latestSlot(schedule, at).epochMilliseconds,
    ])
  }
})
