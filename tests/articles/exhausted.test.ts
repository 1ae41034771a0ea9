import { type ExecFileException, execFile } from 'node:child_process'
import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { attachSource } from '../../src/articles/sources/attach.ts'
import { source } from '../../src/db/schema/source.ts'
import { writeRss } from '../support/feeds.ts'
import { FLAGS } from '../support/flags.ts'
import { freshDatabase, openFeeds } from '../support/fresh.ts'
import { makeWorld, NOON } from '../support/world.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname
const EXHAUSTED = new URL('./exhausted.ts', import.meta.url).pathname

const { db, url } = await freshDatabase()
const feeds = await openFeeds()

type Ended = { readonly error: ExecFileException | null; readonly out: string; readonly err: string }

/** Runs a program of ours in a process of its own, under a limit as the shell sets it. */
function runLimited(limit: string, words: readonly string[], input = ''): Promise<Ended> {
  const shell = ['-c', `ulimit ${limit}; exec "$0" "$@"`, process.execPath, ...FLAGS, ...words]
  const env = { PATH: process.env.PATH, DATABASE_URL: url, SECRET: 'x'.repeat(32), LOG_LEVEL: 'silent' }
  return new Promise((resolve) => {
    const child = execFile('sh', shell, { env }, (error, out, err) => resolve({ error, out, err }))
    child.stdin?.end(input)
  })
}

test('a machine without a file descriptor left says so, and it is no failure of a source', async () => {
  const { newsletterId } = await makeWorld(db)
  feeds.set('/feed', writeRss([{ guid: 'a', link: 'https://kurier.example/a', title: 'a' }]))
  const wanted = { url: feeds.url('/feed'), newsletterId, backfillDays: null, allowPrivate: true }
  const { id } = await attachSource(db, wanted, NOON)
  const { out } = await runLimited('-n 100', [EXHAUSTED, url])
  expect(JSON.parse(out)).toEqual({
    descriptors: true,
    first: expect.stringContaining('EMFILE'),
    second: { sources: 1, fetched: 1, unchanged: 0, failed: 0, held: 0, new: 1, updated: 0 },
  })
  const [row] = await db.select().from(source).where(eq(source.id, id))
  expect(row).toMatchObject({ failures: 0, lastError: null })
})

test('articles that there is no room to check are all refused, with what to do', async () => {
  await makeWorld(db)
  const lines = Array.from(
    { length: 200 },
    (_, n) => `{"url":"https://kurier.example/${n}","title":"Nachricht ${n}"}\n`,
  )
  // A file may have 4 KB, as if the disk were full then.
  const { error, err } = await runLimited('-f 8', [CLI, 'article', 'add', '--json'], lines.join(''))
  expect(error?.code).toBe(1)
  expect(JSON.parse(err)).toEqual({
    error: {
      code: 'article.unwritable',
      message: expect.stringMatching(/^The articles cannot be kept .* EFBIG/),
      hint: expect.stringContaining('TMPDIR'),
    },
  })
  expect(await db.$count(sql`article`)).toBe(0)
})
