import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand, startCommand } from '../support/command.ts'
import { copyDatabase } from '../support/database.ts'
import { writeRss } from '../support/feeds.ts'
import { openFeeds } from '../support/fresh.ts'

const feeds = await openFeeds()
let database: Awaited<ReturnType<typeof copyDatabase>>
let folder: string
let environment: Record<string, string>
beforeAll(async () => {
  database = await copyDatabase()
  folder = mkdtempSync(join(tmpdir(), 'courant-feeds-'))
  environment = {
    DATABASE_URL: database.url,
    SECRET: 'x'.repeat(32),
    COLLECT_ALLOW_PRIVATE: 'true',
    LOG_LEVEL: 'silent',
  }
})
afterAll(async () => {
  database.remove()
  rmSync(folder, { recursive: true, force: true })
})

const run = <T>(words: string, input?: string) => runCommand<T>(words.split(' '), environment, input)
const lines = async (words: string) => {
  const { out } = await startCommand([...words.split(' '), '--json'], environment).ended
  return out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

test('from a feed to articles on the command line', { timeout: 120_000 }, async () => {
  const item = { guid: '1', link: 'https://kurier.example/1', title: 'Eins', pubDate: 'Sun, 01 Mar 2026 08:00:00 GMT' }
  feeds.set('/feed', writeRss([item]))
  await run('newsletter add --slug morgen --name Morgen --from redaktion@kurier.example')
  expect(await run(`source add ${feeds.url('/feed')} --backfill all`)).toEqual({
    ...{ id: 1, url: feeds.url('/feed'), newsletter: 'morgen', backfillDays: null, created: true, page: null },
  })
  expect(await run('collect')).toEqual({ sources: 1, fetched: 1, unchanged: 0, failed: 0, held: 0, new: 1, updated: 0 })
  expect(await run('collect --source 1')).toMatchObject({ sources: 1, unchanged: 1 })
  expect(await run('article add', '{"url":"https://kurier.example/2","title":"Zwei"}\n')).toEqual({
    rows: 1,
    new: 1,
    updated: 0,
  })
  expect((await lines('article list')).map(({ title }) => title)).toEqual(['Zwei', 'Eins'])
  expect(await lines('source list')).toEqual([
    expect.objectContaining({ id: 1, kind: 'feed', newsletters: ['morgen'], title: 'Der Kurier', held: 0 }),
    expect.objectContaining({ kind: 'api', url: 'api:1' }),
  ])
  expect(await run('source remove 1')).toEqual({ id: 1, url: feeds.url('/feed'), newsletters: ['morgen'] })
})

test('a page leads to its feed, a list brings several, and what is held is let in', { timeout: 120_000 }, async () => {
  const page = '<html><link rel="alternate" type="application/rss+xml" href="/main"></html>'
  feeds.set('/page', { kind: 'document', body: page, headers: { 'content-type': 'text/html' } })
  const items = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      title: `T${from + index}`,
      link: `https://k.example/${from + index}`,
    }))
  const serve = (from: number, count: number) => feeds.set('/main', writeRss(items(from, count)))
  serve(0, 5)
  await run('newsletter add --slug abend --name Abend --from redaktion@kurier.example')
  const added = await run<{ id: number }>(
    `source add ${feeds.url('/page')} --newsletter abend --header X-Key:1 --user-agent Leser`,
  )
  expect(added).toMatchObject({ url: feeds.url('/main'), page: { url: feeds.url('/page'), others: [] } })
  for (let fetches = 0; fetches < 5; fetches += 1) await run(`collect --source ${added.id}`)
  expect(feeds.asked.at(-1)?.headers).toMatchObject({ 'x-key': '1', 'user-agent': 'Leser' })
  serve(100, 51)
  expect(await run(`collect --source ${added.id}`)).toMatchObject({ held: 51, new: 0 })
  expect((await lines('source list --newsletter abend'))[0]).toMatchObject({ held: 51 })
  expect(await run(`source set ${added.id} --let-in`)).toEqual({ id: added.id, url: feeds.url('/main'), letIn: 51 })
  expect(await run(`source set ${added.id} --mark-seen`)).toMatchObject({ markSeen: 0 })
  const { opml } = await run<{ opml: string }>('source export --newsletter abend')
  const list = join(folder, 'feeds.opml')
  writeFileSync(list, opml.replace('</body>', '<outline text="x" xmlUrl="ftp://k.example/"/></body>'))
  await run('newsletter add --slug nacht --name Nacht --from redaktion@kurier.example')
  expect(await run(`source import ${list} --newsletter nacht`)).toEqual({
    ...{ feeds: 2, added: 1, existing: 0 },
    refused: [{ url: 'ftp://k.example/', why: expect.stringContaining('ftp:') }],
  })
})

test('a wrong word is wrong usage, a wrong address a failure, both with their reason', {
  timeout: 60_000,
}, async () => {
  const backfill = await startCommand(
    ['source', 'add', feeds.url('/feed'), '--backfill', 'some', '--json'],
    environment,
  ).ended
  expect(backfill).toMatchObject({ code: 2, out: '' })
  expect(JSON.parse(backfill.err).error).toMatchObject({
    code: 'usage',
    message: expect.stringContaining('--backfill'),
  })
  const outside = { ...environment, COLLECT_ALLOW_PRIVATE: 'false' }
  const refused = await startCommand(['source', 'add', feeds.url('/feed'), '--json'], outside).ended
  expect(refused.code).toBe(1)
  expect(JSON.parse(refused.err).error).toMatchObject({ code: 'source.refused' })
})

test('feed parse says one line a feed, in order, and fails only when none can be read', {
  timeout: 60_000,
}, async () => {
  const good = join(folder, 'good.xml')
  const bad = join(folder, 'bad.xml')
  writeFileSync(good, writeRss([{ link: 'https://kurier.example/1', title: 'Eins', description: 'Text.' }]))
  writeFileSync(bad, '<html></html>')
  feeds.set('/served', writeRss([]))
  const item = {
    ...{ id: null, url: 'https://kurier.example/1', title: 'Eins', summary: 'Text.', author: null },
    ...{ publishedAt: null, topics: [], image: null },
  }
  expect(
    await lines(`feed parse ${bad} ${good} ${feeds.url('/served')} ${feeds.url('/nowhere')} ${folder}/none.xml`),
  ).toEqual([
    { error: expect.objectContaining({ code: 'feed.invalid' }) },
    { title: 'Der Kurier', link: 'https://kurier.example/', language: 'de', items: [item] },
    { title: 'Der Kurier', link: 'https://kurier.example/', language: 'de', items: [] },
    { error: expect.objectContaining({ code: 'feed.unreachable', message: expect.stringContaining('404') }) },
    { error: expect.objectContaining({ code: 'feed.unreadable' }) },
  ])
  expect((await startCommand(['feed', 'parse', good, bad], environment).ended).code).toBe(0)
  expect((await startCommand(['feed', 'parse', bad], environment).ended).code).toBe(1)
})
