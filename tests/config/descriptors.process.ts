import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fitConnections, fitEngineFiles, requireDescriptors } from '../../src/config/descriptors.ts'
import { environmentOf, readStanding, useDatabase } from '../server/start-server.ts'
import { startCommand } from '../support/command.ts'
import { copyDatabase } from '../support/database.ts'
import { type SinkOptions, startSink } from '../support/smtp.ts'
import { makeWorld } from '../support/world.ts'

vi.setConfig({ testTimeout: 120_000 })

const READERS = 300
const onPostgres = process.env.COURANT_TEST_ENGINE === 'postgres'
const LEAST = onPostgres ? 128 : 224

const undo: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one()
})

/** A newsletter with an article that is new to its readers, and a relay. */
async function prepare(options: SinkOptions = {}) {
  const { url, remove } = await copyDatabase()
  const sink = await startSink(options)
  undo.push(remove, sink.close)
  await useDatabase(url, async (db) => {
    const world = await makeWorld(db)
    await world.addReaders(READERS)
    await world.addArticles(3)
  })
  return { url, sink }
}

describe.runIf(existsSync('/proc/self/limits'))('a process that may open few files and connections', () => {
  test.each([64, 128])('is told so before it begins, with what to do: the demo with %i', async (limit) => {
    const folder = mkdtempSync(join(tmpdir(), 'courant-descriptors-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    const { ended } = startCommand(['demo', '--once'], { TMPDIR: folder, PORT: '0' }, '', limit)
    const { code, out, err } = await ended
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(
      new RegExp(`no more than ${limit} files.*at least 224.*Nothing was begun\\.\n.*ulimit -n 1024`, 's'),
    )
    expect(err).not.toContain('EMFILE')
  })

  test.each(['serve', 'digest send'])('%s is refused with too few, and nothing is planned', async (line) => {
    const words = line.split(' ')
    const { url, sink } = await prepare()
    const { code, err } = await startCommand(words, environmentOf(url, sink.url), '', 64).ended
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('no more than 64 files') })
    expect(await readStanding(url)).toEqual({ held: 0 })
    expect(sink.connectionsSeen()).toBe(0)
  })

  test('sends to hundreds of readers with no more than are needed', async () => {
    const { url, sink } = await prepare()
    const { code, out, err } = await startCommand(['digest', 'send', '--json'], environmentOf(url, sink.url), '', LEAST)
      .ended
    expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining('EMFILE') })
    expect(JSON.parse(out)).toMatchObject({ planned: READERS, sent: READERS })
    expect(new Set(sink.messages.map(({ to }) => to)).size).toBe(READERS)
  })

  test('opens fewer connections to its relays where all would not fit, and says so once', async () => {
    const { url, sink } = await prepare()
    const environment = environmentOf(url, `${sink.url}?connections=90`)
    const { code, err } = await startCommand(['digest', 'send', '--json'], environment, '', LEAST).ended
    expect(code).toBe(0)
    const said = err.split('\n').filter((line) => line.includes('relay.connections_limited'))
    expect(said.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ wanted: 90, fitting: onPostgres ? 4 : 16, limit: LEAST }),
    ])
    expect(sink.connectionsSeen()).toBeLessThanOrEqual(onPostgres ? 5 : 21)
    expect(sink.messages).toHaveLength(READERS)
  })
})

describe('of what a process may open', () => {
  test('connections and files of the engine take their part, and all they want where there is no limit', () => {
    expect([null, 20_000, 1_024, 224, 64].map((limit) => fitEngineFiles(limit))).toEqual([1_000, 1_000, 464, 64, 64])
    expect([null, 20_000, 1_024, 224, 64].map((limit) => fitConnections('clients', 256, limit))).toEqual([
      256, 256, 232, 32, 1,
    ])
    expect(fitConnections('relays', 10, 1_024)).toBe(10)
  })

  test('the least that is asked for leaves room for all that is opened', () => {
    for (const [engine, least] of [
      ['embedded', 224],
      ['postgres', 128],
    ] as const) {
      expect(() => requireDescriptors(engine, least)).not.toThrow()
      expect(() => requireDescriptors(engine, null)).not.toThrow()
      expect(() => requireDescriptors(engine, least - 1)).toThrow(
        expect.objectContaining({ code: 'machine.descriptors' }),
      )
    }
  })
})
