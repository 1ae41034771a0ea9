import { expect, test } from 'vitest'
import { eachHostInTurn } from '../../src/collect/http/hosts.ts'

/** Work that ends when told to, and what is under way meanwhile. */
function makeWork() {
  const under = new Map<string, () => void>()
  const work = (item: string) =>
    new Promise<string>((settle) => {
      under.set(item, () => {
        under.delete(item)
        settle(item)
      })
    })
  const turn = async () => {
    const names = [...under.keys()]
    for (const end of [...under.values()]) end()
    await new Promise(setImmediate)
    return names
  }
  return { work, turn }
}

const hostOf = (item: string) => item.slice(0, 1)

test('one host is asked one thing at a time, and only so many hosts at once', async () => {
  const { work, turn } = makeWork()
  const all = eachHostInTurn(['a1', 'a2', 'b1', 'c1', 'a3', 'b2'], hostOf, 2, work)
  expect(await turn()).toEqual(['a1', 'b1'])
  expect(await turn()).toEqual(['a2', 'b2'])
  expect(await turn()).toEqual(['a3', 'c1'])
  expect((await all).sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'c1'])
})

test('an error is thrown once the other hosts are done', async () => {
  const done: string[] = []
  const work = async (item: string) => {
    if (item === 'a1') throw new Error('a1 broke')
    await new Promise(setImmediate)
    done.push(item)
  }
  await expect(eachHostInTurn(['a1', 'a2', 'b1', 'b2', 'c1'], hostOf, 2, work)).rejects.toThrow('a1 broke')
  expect(done.sort()).toEqual(['b1', 'b2', 'c1'])
})
