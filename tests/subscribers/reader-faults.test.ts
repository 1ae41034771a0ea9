import { describe, expect, test } from 'vitest'
import { freshDatabase } from '../support/fresh.ts'
import { hookStatements } from '../support/hooked.ts'
import { actions, freshTagblatt, NOON, readRow } from './fixtures.ts'
import { ask, askAndMail, confirmMail, leaveOne, undo } from './readers.ts'

const { db, pool } = await freshDatabase()
const tagblatt = await freshTagblatt(db)

/** The next so many runs of a statement fail; `after` it has taken effect its answer is lost. */
function failing(pattern: RegExp, times: number, code: string, when: 'before' | 'after') {
  let left = times
  return hookStatements(pool, async (text, run) => {
    if (!pattern.test(text) || left === 0) return run()
    left -= 1
    if (when === 'after') await run()
    throw Object.assign(new Error('planted'), { code })
  })
}

describe.each([
  ['a deadlock', /update subscription|insert into subscription/, '40P01', 'before'],
  ['a commit whose answer is lost', /^commit$/, '57P01', 'after'],
] as const)('%s', (_, pattern, code, when) => {
  const faulty = () => failing(pattern, 1, code, when)

  test('asks a reader once', async () => {
    await ask(faulty(), [tagblatt], NOON)
    expect(await readRow(db, 1)).toMatchObject({ state: 'pending' })
    expect(await actions(db)).toEqual(['requested'])
  })

  test('confirms once, with one record', async () => {
    const mail = await askAndMail(db, [tagblatt])
    expect(await confirmMail(faulty(), mail, NOON)).toMatchObject({ state: 'confirmed' })
    expect(await readRow(db, 1)).toMatchObject({ state: 'active' })
    expect(await actions(db)).toEqual(['requested', 'confirmed'])
  })

  test('leaves once, and is undone once', async () => {
    await confirmMail(db, await askAndMail(db, [tagblatt]), NOON)
    const left = await leaveOne(faulty(), 1, NOON)
    expect(left).toMatchObject({ state: 'unsubscribed' })
    expect(await readRow(db, 1)).toMatchObject({ state: 'unsubscribed' })
    expect(await undo(faulty(), left, NOON)).toMatchObject({ state: 'active' })
    expect(await readRow(db, 1)).toMatchObject({ state: 'active' })
    expect(await actions(db)).toEqual(['requested', 'confirmed', 'unsubscribed', 'resumed'])
  })
})

test('a fault that does not pass leaves a reader as they were, and is told', async () => {
  const mail = await askAndMail(db, [tagblatt])
  await expect(confirmMail(failing(/update subscription/, 1000, '40P01', 'before'), mail, NOON)).rejects.toThrow()
  expect(await readRow(db, 1)).toMatchObject({ state: 'pending' })
  expect(await actions(db)).toEqual(['requested'])
  expect(await confirmMail(db, mail, NOON)).toMatchObject({ state: 'confirmed' })
})
