import { PGlite } from '@electric-sql/pglite'
import { afterAll, expect, test } from 'vitest'
import { takeTurns } from '../../../src/db/pglite/session-queue.ts'

const database = await PGlite.create()
afterAll(() => database.close())
await database.exec('create table note (text text)')

const query = (text: string) => {
  const body = Buffer.from(`${text}\0`)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from('Q'), length, body])
}

/** Turns whose waits end when the test says so. */
function openTurns() {
  const waits: { readonly ms: number; readonly act: () => void; over: boolean }[] = []
  const expelled: number[] = []
  const turns = takeTurns(database, {
    onPanic: () => {},
    onExpelled: (client) => expelled.push(client),
    later: (ms, act) => {
      const wait = { ms, act, over: false }
      waits.push(wait)
      return () => {
        wait.over = true
      }
    },
  })
  const heard = new Map<number, string>()
  const ask = async (client: number, text: string) => {
    await turns.enqueue(client, query(text), (octets) => {
      heard.set(client, (heard.get(client) ?? '') + Buffer.from(octets).toString('latin1'))
    })
  }
  const open = () => waits.filter(({ over }) => !over)
  return { ask, open, expelled, heardBy: (client: number) => heard.get(client) ?? '' }
}

const [STOPPED, OTHER] = [1, 2]

test('a client that stops in the middle of a transaction holds the others up for ten seconds, is told, and changes nothing', async () => {
  const { ask, open, expelled, heardBy } = openTurns()
  await ask(STOPPED, "begin; insert into note values ('half done')")
  const other = ask(OTHER, "insert into note values ('whole')")
  const [wait] = open()
  expect(wait?.ms).toBe(10_000)
  expect(heardBy(OTHER)).toBe('')
  wait?.act()
  await other
  expect(expelled).toEqual([STOPPED])
  expect(heardBy(STOPPED)).toMatch(/VFATAL\0C25P03\0M/)
  await expect(ask(STOPPED, "insert into note values ('later')")).rejects.toThrow('cut off')
  expect((await database.query('select text from note')).rows).toEqual([{ text: 'whole' }])
})

test('a transaction whose client goes on in time, and one that has ended, are not waited for', async () => {
  const { ask, open, expelled } = openTurns()
  await ask(STOPPED, 'begin')
  expect(open()).toHaveLength(1)
  await ask(STOPPED, 'select 1')
  expect(open()).toHaveLength(1)
  await ask(STOPPED, 'commit')
  expect(open()).toEqual([])
  expect(expelled).toEqual([])
})
