import { openDatabase } from '../../src/db/client.ts'
import { planDue } from '../../src/scheduler/plan-due.ts'
import { handClock } from '../support/clock.ts'
import { addEntry, addReader, addTagblatt, readReceived, readSlots, WORK } from './newsletter-fixtures.ts'
import { at } from './times.ts'

/**
 * A process of its own, to be run in any TZ: plans two days around the night in which Berlin's clocks go forward, in a
 * migrated database of this URL, and prints the result.
 */
const opened = await openDatabase(process.argv[2] ?? '')
const { db } = opened
const start = at('2026-03-28T12:00:00Z')
const tagblatt = await addTagblatt(db, { hour: 2 }, start)
const readers = [
  await addReader(db, tagblatt, 'eva', {}, start),
  await addReader(db, tagblatt, 'kiri', { zone: 'Pacific/Kiritimati', hour: 15 }, start),
  await addReader(db, tagblatt, 'john', { frequency: 'weekly', weekday: 7, zone: 'America/St_Johns', hour: 0 }, start),
]
for (let hour = 0; hour < 48; hour++) {
  if (hour % 8 === 0) await addEntry(db, tagblatt, start.add({ hours: hour }))
  await planDue(db, WORK, handClock(start.add({ hours: hour, minutes: 1 })))
}
const received = []
for (const reader of readers) received.push(await readReceived(db, reader))
process.stdout.write(JSON.stringify({ zone: new Date(0).getTimezoneOffset(), slots: await readSlots(db), received }))
await opened.close()
