import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')
const SEARCHED = [
  'src',
  'tests',
  'bench',
  'docs',
  'locales',
  'templates',
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
]
const TEXT = /\.(ts|md|json|liquid|mjml|txt|css|yml)$/
/** This list, articles of the demo and samples of feeds and mails, whose words are not ours. */
const NOT_OURS =
  /^(tests\/words\.test\.ts|src\/demo\/content\/|tests\/articles\/feeds\/samples\/|tests\/mails\/golden\/)/

/** Words that were a private vocabulary here, and the plain word for each. Matched as they are written. */
const HOUSE_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b[Rr]hythms?\b/, 'frequency'],
  [/\b(?:[a-z]+Shares?|[Ss]hare(?:Id|Ids)|share_id|HeldShares?)\b/, 'batch'],
  [/\b(?:readLeaver|tellLeaving|Leaver|readLeaving)\b|(?<!align\S* )(?<!: )'left'(?! \|)/, 'unsubscribed'],
  [/\b[Ss]eams?\b|\bstartSeams\b/, 'placeholder'],
  [/\b[Bb]rakes?\b/, 'flood guard, circuit breaker'],
  [/\bhousekeeping\b|\bkeepHouse\b|\bHouse\b/, 'maintenance'],
  [/\bBench\.(?:sit|leave)\b|\bdeliver\/send\b/, 'IdleTracker'],
  [/\bunlessStopped\b|(?<![.=])\bNEVER\b(?! )/, 'orAborted, neverAborted'],
  [/\b(?:open)?Supply\b/, 'DeliveryQueue'],
  [/\b(?:open)?Ledger\b|\bledger\b/, 'OutcomeBatcher'],
  [/\brunLane\b|\b[Ll]anes?\b|\bLaneEnd\b/, 'connection loop'],
  [/\bdeferRest\b/, 'deferAllDue'],
  [/\binDoubt\b/, 'possiblySent'],
  [/\bguidePlanner\b/, 'setPlannerOptions'],
  [/\bpassQuiet\b/, 'skipCohortsWithoutNews'],
  [/\b[Rr]ehears(?:e|al|ePlan)\b/, 'dry run'],
  [/\bchangeBriefly\b/, 'withLockTimeout'],
  [/\b(?:read)?Stake\b|\bstake\b/, 'countAffected'],
  [/\b[Ss]tationery\b/, 'MessageContext'],
  [/\b(?:putBack|untried|failUnwritten)\b/, 'requeue, notAttempted, failUnrenderable'],
  [/\bmuddled\b|\bbarred\b/, 'protocol-error, sender-rejected'],
  [/\b(?:open)?Cover\b/, 'block cipher'],
  [/\bnameLetter\b|\b[Ll]etters?\b(?= of (?:one|a) (?:mail|notice))/, 'single message'],
  [/\b(?:open)?Ear\b|\bdeaf\b|\bflaw\b|\brooms\b/, 'read buffer, failed, protocolError, rooms of a write buffer'],
  [/\bManner\b/, 'HandshakeOptions'],
  [/\blook\.failed\b|\blistLooks\b/, 'job.failed, jobHandlers'],
  [/\bsettleInTransaction\b/, 'retryOnConflict'],
  [/\b[Ee]nrol(?:s|led|ment|ments|ling)?\b/, 'sign up'],
  [/\bShelf\b/, 'NewsletterLookup'],
  [/\b(?:openDoor|takers|enterArticles|readGiven)\b/, 'ensureApiSource, newslettersOf, createEntries, parseSubmitted'],
  [/\brouteButton\b/, 'action page'],
  [/\bEmbeddedWord\b/, 'WorkerMessage'],
  [/\baskFirst\b/, 'confirmOrAbort'],
  [/\(settle, refuse\)|\(settle\) =>/, '(resolve, reject)'],
  [/\b(?:delivery\.unwritten|slot\.waits|newsletter\.unplanned|jobs\.trouble)\b/, 'an event in the past participle'],
  [/look at what is sent and was sent|in a pipe nothing is asked anyway|changing under our hands/, 'plain help'],
  [/cannot be kept like this|is no OPML|is no URL|This is a fault in Courant/, 'plain errors'],
]

/** Places where such a word is the field's own, or a person's input, each with its reason. */
const ALLOWED: readonly { readonly file: RegExp; readonly line: RegExp; readonly because: string }[] = [
  { file: /import\/(header|import)/, line: /rhythm/, because: 'an import accepts the heading of an older export' },
  { file: /^docs\/glossary\.md$/, line: /\|/, because: 'the glossary names the words that are not used' },
]

function walk(path: string): string[] {
  if (TEXT.test(path)) return [path]
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(path, entry.name)) : TEXT.test(entry.name) ? [join(path, entry.name)] : [],
  )
}

const files = SEARCHED.flatMap((name) => walk(join(ROOT, name))).map((path) => relative(ROOT, path))

describe('the vocabulary', () => {
  test.each(HOUSE_WORDS)('%s is written %s', (word) => {
    const found = files
      .filter((file) => !NOT_OURS.test(file))
      .flatMap((file) =>
        readFileSync(join(ROOT, file), 'utf8')
          .split('\n')
          .flatMap((line, index) =>
            word.test(line) && !isAllowed(file, line) ? [`${file}:${index + 1} ${line.trim()}`] : [],
          ),
      )
    expect(found.slice(0, 40)).toEqual([])
  })
})

function isAllowed(file: string, line: string): boolean {
  return ALLOWED.some((one) => one.file.test(file) && one.line.test(line))
}
