import { afterAll, beforeEach, expect, test } from 'vitest'
import { pauseNewsletter, resumeNewsletter } from '../../../src/editions/lifecycle/newsletter-lifecycle.ts'
import { planEdition } from '../../../src/editions/plan/plan.ts'
import { makeManualRequest, makeSlotRequest } from '../../../src/editions/plan-request.ts'
import { planDue } from '../../../src/scheduler/plan-due.ts'
import { addEntry, addReader, addTagblatt, readReceived, WORK } from '../../scheduler/newsletter-fixtures.ts'
import { at, MONDAY } from '../../scheduler/times.ts'
import { handClock } from '../../support/clock.ts'
import { openTestDatabase } from '../../support/database.ts'

const { db, truncate, close } = await openTestDatabase()
beforeEach(truncate)
afterAll(close)

const SLOT = at('2026-05-05T05:00:00Z')
const NEXT_SLOT = at('2026-05-06T05:00:00Z')

test('a newsletter paused just before it is planned loses nothing: its articles come after it goes on', async () => {
  const tagblatt = await addTagblatt(db)
  const reader = await addReader(db, tagblatt, 'eva', {}, MONDAY)
  const entry = await addEntry(db, tagblatt, MONDAY)
  await pauseNewsletter(db, tagblatt.slug)

  const slot = makeSlotRequest(tagblatt, { frequency: 'daily', at: SLOT }, [1])
  expect(await planEdition(db, slot, handClock(SLOT))).toEqual({ edition: null, created: false })
  expect(await planEdition(db, makeManualRequest(tagblatt.id, null, null), handClock(SLOT))).toEqual({
    edition: null,
    created: false,
  })

  await resumeNewsletter(db, tagblatt.slug, SLOT)
  await planDue(db, WORK, handClock(NEXT_SLOT))
  expect(await readReceived(db, reader)).toEqual([[entry]])
})
