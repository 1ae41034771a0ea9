import { expect, test } from 'vitest'
import { NOON } from './world.ts'

test('instants of different moments are not alike, as values, in what is matched, and deep within', () => {
  const later = NOON.add({ seconds: 1 })
  expect({ at: [NOON] }).toMatchObject({ at: [NOON.add({ seconds: 0 })] })
  expect({ at: NOON }).not.toMatchObject({ at: later })
  expect({ at: [{ at: NOON }] }).not.toMatchObject({ at: [{ at: later }] })
  expect([NOON]).not.toEqual([later])
  expect(NOON).not.toEqual(String(NOON))
})
