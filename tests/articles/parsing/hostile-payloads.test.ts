import { afterAll, expect, test } from 'vitest'
import { ParserPool } from '../../../src/articles/parsing/parser-pool.ts'
import { CourantError } from '../../../src/errors.ts'
import { KINDS_COUNT, makePayload } from '../../support/hostile-payloads.ts'

/** Far below what is read at all: these are about every kind there is, `npm run bench -- hostile` about their full size. */
const SCALE = 0.02
const SEED = 1

const reader = new ParserPool({ milliseconds: 5_000, megabytes: 256, characters: 20_000_000 })
afterAll(() => reader.end())

/** How reading it ended: with a feed, or with the reason a source shows. */
async function readPayload(n: number): Promise<unknown> {
  const { reply } = makePayload(n, SEED, SCALE)
  const document = { body: reply.body, contentType: reply.headers['content-type'] ?? null, url: null, knownHash: null }
  return reader.ask('readArticles', document).catch((error: unknown) => error)
}

test('of every kind of hostile document come articles or a reason, and the reader reads on', async () => {
  for (let n = 0; n < KINDS_COUNT; n += 1) {
    const ended = await readPayload(n)
    if (ended instanceof Error) expect([n, ended]).toEqual([n, expect.any(CourantError)])
    else expect([n, ended]).toEqual([n, expect.objectContaining({ articles: expect.any(Array) })])
  }
}, 60_000)

test('another seed makes other documents, the same seed the same', () => {
  const made = (seed: number) => Array.from({ length: 5 }, (_, n) => makePayload(n, seed, SCALE).reply.body)
  expect(made(1)).toEqual(made(1))
  expect(made(1)).not.toEqual(made(2))
})
