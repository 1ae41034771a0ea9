import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Clock, clockFrom } from '../../src/clock.ts'
import { readConfig } from '../../src/config/config.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import { courantOn } from '../support/command-line.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { type FeedServer, startFeeds, writeRss } from '../support/feeds.ts'
import { type Sink, startSink } from '../support/smtp.ts'
import { findCommand, NOON } from './courant.ts'
import {
  blocksOf,
  commandLinesOf,
  type Document,
  documentOf,
  documents,
  inlineCodesOf,
  ROOT,
  wordsOf,
} from './documents.ts'

/** The site that the pages name, and what is served in its place. */
const SITE = 'https://www.example.org'
const NEWS = '<html><link rel="alternate" type="application/rss+xml" href="/news.xml"></html>'
const ITEMS = [1, 2, 3].map((number) => ({
  guid: `item-${number}`,
  link: `https://www.example.org/${number}`,
  title: `Headline ${number}`,
  description: `What happened in story ${number}, in a sentence.`,
  pubDate: `Mon, 23 Nov 2026 0${number}:00:00 GMT`,
}))
/** What stands there before a page's first command; README begins with nothing. */
const ADD_TAGBLATT = ['npx courant newsletter add --slug tagblatt --name Tagblatt']
const ADD_MORGEN = [
  'npx courant newsletter add --slug morgen --name "Der Morgen" --imprint "Verlag, Straße 1, 10115 Berlin"',
  `npx courant source add ${SITE}/feed.xml`,
  'npx courant subscriber add eva@example.com --confirmed --evidence "signed card no. 17"',
  'npx courant collect',
]
const isLasting = (words: readonly string[]) => ['serve', 'demo'].includes(words[0] ?? '') || words.includes('--watch')

let database: TestDatabase
let feeds: FeedServer
let sink: Sink
let folder: string
beforeAll(async () => {
  database = await openTestDatabase()
  feeds = await startFeeds()
  for (const path of ['/feed.xml', '/news.xml']) feeds.set(path, writeRss(ITEMS))
  feeds.set('/news/', { kind: 'document', body: NEWS, headers: { 'content-type': 'text/html' } })
  // An edition stays under way, as one does whose relay asks to come back later: for the pages that pause and cancel one.
  sink = await startSink({ reply: ({ to }) => (to === 'eva@example.com' ? '451 4.7.1 try later' : null) })
  folder = mkdtempSync(join(tmpdir(), 'courant-docs-'))
  writeFileSync(join(folder, 'readers.csv'), blocksOf(documentOf('docs/law.md'), 'csv').join(''))
  writeFileSync(
    join(folder, 'feeds.opml'),
    `<opml version="2.0"><body><outline xmlUrl="${feeds.url('/feed.xml')}"/></body></opml>`,
  )
})
afterEach(() => database.truncate())
afterAll(async () => {
  await database.close()
  await feeds.close()
  await sink.close()
  rmSync(folder, { recursive: true })
})

describe('every command of the pages runs', () => {
  for (const document of documents.filter((one) => commandLinesOf(one).length > 0))
    test(document.name, async () => {
      const clock = clockFrom(NOON)
      const before = document.name === 'docs/law.md' ? ADD_TAGBLATT : document.name === 'README.md' ? [] : ADD_MORGEN
      for (const line of before) await run(line, clock)
      if (before === ADD_MORGEN) await planEdition(database.db, makeManualRequest(1, null, null), clock)
      for (const line of commandLinesOf(document)) await run(line, clock)
    })

  test('README.md sends a test with the articles of its feed', async () => {
    const clock = clockFrom(NOON)
    const sent = sink.messages.length
    for (const line of commandLinesOf(documentOf('README.md'))) await run(line, clock)
    expect(sink.messages.length).toBe(sent + 1)
    expect(sink.messages.at(-1)?.raw.toString()).toContain('Headline 3')
    expect(readFileSync(join(folder, 'preview.html'), 'utf8')).toContain('Headline 1')
  })
})

/** Runs a line in this process; what lasts, installs or asks npm is looked at only. */
async function run(line: string, clock: Clock): Promise<void> {
  const [program = '', ...rest] = wordsOf(line)
  if (program === 'npx' && rest[0] === 'courant') return runCourant(line, rest.slice(1), clock)
  if (program === 'npm') return expect(wrongOfNpm(rest), line).toEqual([])
  if (program === 'cp') return expect(existsSync(join(ROOT, rest[0] ?? '')), line).toBe(true)
  throw new Error(`Nothing runs ${line}`)
}

async function runCourant(line: string, words: readonly string[], clock: Clock): Promise<void> {
  const { command, wrong } = findCommand(words)
  expect(wrong, line).toEqual([])
  if (words.includes('--roles')) expect(rolesOf(command), line).toEqual(expect.arrayContaining(rolesIn(words)))
  if (isLasting(words) || words.includes('--help')) return
  const config = readConfig({
    DATABASE_URL: database.url,
    SMTP_URL: sink.url,
    BASE_URL: 'https://news.example.org',
    MAIL_FROM: 'Der Morgen <morgen@example.org>',
    SECRET: 'a secret of the tests that is long enough',
    COLLECT_ALLOW_PRIVATE: 'true',
  })
  const isFile = /^[\w-]+\.(csv|html|txt|eml|opml)$/
  const placed = words.map((word) =>
    isFile.test(word) ? join(folder, word) : word.startsWith(SITE) ? feeds.url(word.slice(SITE.length)) : word,
  )
  const before = process.exitCode
  await courantOn({ db: database.db, config, clock })(...placed)
  expect(process.exitCode, line).toBe(before)
}

/** The roles there are: by default a server has them all. */
const rolesOf = ({ options }: Command) =>
  String(options.find((option) => option.long === '--roles')?.defaultValue).split(',')
const rolesIn = (words: readonly string[]) => words[words.indexOf('--roles') + 1]?.split(',') ?? []

const SCRIPTS: Readonly<Record<string, string>> = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts
const OF_NPM = ['ci']

/** What is wrong with the words behind `npm`. */
function wrongOfNpm(words: readonly string[]): readonly string[] {
  const at = words.indexOf('--')
  const [verb = '', name = ''] = at < 0 ? words : words.slice(0, at)
  const behind = at < 0 ? [] : words.slice(at + 1)
  if (OF_NPM.includes(verb)) return []
  const runs = SCRIPTS[verb === 'run' ? name : verb]
  if (runs === undefined) return [`there is no script ${verb} ${name}`]
  const own = /src\/cli\.ts ?(.*)$/.exec(runs)?.[1]
  return own === undefined ? [] : findCommand([...wordsOf(own), ...behind]).wrong
}

describe('commands in the running text', () => {
  test('are commands there are, with options they have', () => {
    const wrong = documents.flatMap((one) => [
      ...codesBeginning(one, /^(npx )?courant (?=[a-z])/).flatMap((words) => findCommand(words).wrong),
      ...codesBeginning(one, /^npm /).flatMap(wrongOfNpm),
    ])
    expect(wrong).toEqual([])
  })
})

/** The words behind `begin` of what stands between grave accents; an example's `<id>` is an argument like any other. */
function codesBeginning(document: Document, begin: RegExp): readonly (readonly string[])[] {
  const codes = inlineCodesOf(document).filter((code) => begin.test(code))
  return codes.map((code) => wordsOf(code.replace(begin, '')))
}
