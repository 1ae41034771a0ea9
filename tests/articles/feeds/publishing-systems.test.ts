import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseFeed } from '../../../src/articles/feeds/parse-feed.ts'

type Row = {
  readonly feed: readonly [title: string, link: string | null, language: string | null]
  readonly first: readonly [title: string, url: string | null, id: string | null]
  readonly summary: string | null
  readonly by: string | null
  readonly at: string | null
  readonly topics: readonly string[]
  readonly image: string | null
  readonly count: number
}

function readSample(name: string): Row {
  const feed = parseFeed(readFileSync(join(import.meta.dirname, 'samples', name)), { contentType: null, url: null })
  const item = feed.items[0]
  if (item === undefined) throw new Error(`${name} has no item`)
  const { title, url, id, summary, author, publishedAt, topics, image } = item
  return {
    feed: [feed.title, feed.link, feed.language],
    first: [title, url, id],
    summary,
    by: author,
    at: publishedAt?.toString() ?? null,
    topics,
    image: image?.url ?? null,
    count: feed.items.length,
  }
}

const MORNING = '2026-03-01T08:00:00Z'
const TICKER = { by: null, at: MORNING, topics: [], image: null, count: 1 }
const NEWS = 'http://news.example/'

const EXPECTED: Readonly<Record<string, Row>> = {
  'wordpress.xml': {
    feed: ['Der Kurier » Stadt', 'https://kurier.example/', 'de'],
    first: ['Rat & Tat: „Wir bauen“', 'https://kurier.example/2026/03/rat-und-tat/', 'https://kurier.example/?p=4711'],
    ...{ summary: 'Der Rat tagt. […]', by: 'Anna Blume', at: MORNING, topics: ['Politik'] },
    ...{ image: 'https://kurier.example/rat.jpg', count: 1 },
  },
  'blogger.xml': {
    feed: ['Anna bäckt', 'https://anna.example/', null],
    first: ['Brot & Butter', 'https://anna.example/2026/03/brot.html', 'tag:blogger.example,1999:blog-1.post-2'],
    ...{ summary: 'Man nehme Mehl.', by: 'Anna', at: '2026-03-01T08:00:00.001Z', topics: ['Brot'] },
    ...{ image: null, count: 1 },
  },
  'video.xml': {
    feed: ['Werkstatt', 'https://video.example/channel/U', null],
    first: ['Ein Stuhl', 'https://video.example/watch?v=v1', 'yt:video:v1'],
    ...{ summary: 'Aus einem Brett. https://werkstatt.example', by: 'Werkstatt', at: MORNING, topics: [] },
    ...{ image: 'https://img.example/vi/v1/hqdefault.jpg', count: 1 },
  },
  'toots.xml': {
    feed: ['Anna', 'https://social.example/@anna', null],
    first: ['', 'https://social.example/@anna/1', 'https://social.example/@anna/1'],
    ...{ summary: 'Guten Morgen #brot', by: null, at: MORNING, topics: ['brot'] },
    ...{ image: 'https://files.example/1.png', count: 1 },
  },
  'podcast.xml': {
    feed: ['Ohrenschmaus', 'https://ohr.example/', 'de'],
    first: ['Folge 1', 'https://ohr.example/1.mp3', 'folge-1'],
    ...{ summary: 'Über Brot.', by: 'Bert', at: MORNING, topics: [] },
    ...{ image: 'https://ohr.example/1.jpg', count: 1 },
  },
  'preprints.rdf': {
    feed: ['cs updates', 'http://preprints.example/', 'en-US'],
    first: ['On bread. (1v1 [cs.XX])', 'http://preprints.example/abs/1', 'http://preprints.example/abs/1'],
    ...{ summary: 'We show $x < y$.', by: 'A. Blume, B. Brecht', at: MORNING, topics: [] },
    ...{ image: null, count: 2 },
  },
  'market.rdf': {
    feed: ['Markt | Möbel', 'https://markt.example/moebel', 'de'],
    first: ['Tisch $50', 'https://markt.example/1.html', 'https://markt.example/1.html'],
    ...{ summary: 'Aus Eiche.', by: 'Anna', at: MORNING, topics: ['Tische'] },
    ...{ image: 'https://markt.example/1.jpg', count: 1 },
  },
  'forum.xml': {
    feed: ['Forum', 'https://forum.example/index.php', 'de-x-sie'],
    first: [
      'Brot • Re: Sauer & süß',
      'https://forum.example/viewtopic.php?p=1#p1',
      'https://forum.example/viewtopic.php?p=1#p1',
    ],
    ...{ summary: 'So geht das:', by: 'Bert', at: MORNING, topics: ['Brot'] },
    ...{ image: 'https://forum.example/bild.jpg', count: 1 },
  },
  'old-atom.xml': {
    feed: ['Anna schreibt', 'http://anna.example/', 'de'],
    first: ['Süßes Brot', 'http://anna.example/1', 'tag:anna.example,2026:1'],
    ...{ summary: 'Man nehme Mehl.', by: 'Anna', at: MORNING, topics: ['Brot'], image: null, count: 1 },
  },
  'news-agency.xml': {
    feed: ['Welt | Tribune', 'https://tribune.example/welt', 'de-DE'],
    first: ['Schiff läuft ein', 'https://tribune.example/1.html', 'https://tribune.example/1.html'],
    ...{ summary: 'Im Hafen.', by: 'Anna Blume and Bert Brecht', at: MORNING, topics: ['Häfen'] },
    ...{ image: 'https://img.example/460.jpg', count: 1 },
  },
  'hand-made.xml': {
    feed: ['Haus & Hof', 'http://hof.example/', null],
    first: ['Ernte Haus & Hof &gross;', 'http://hof.example/ernte.html?a=1&b=2', null],
    ...{ summary: 'Es ist soweit', by: null, at: MORNING, topics: [] },
    ...{ image: 'http://hof.example/ernte.jpg', count: 2 },
  },
  'notes.json': {
    feed: ['Notizen', 'https://notiz.example/', 'de'],
    first: ['', 'https://notiz.example/1', 'https://notiz.example/1'],
    ...{ summary: 'Ein Bild.', by: 'Anna', at: MORNING, topics: ['brot'] },
    ...{ image: 'https://notiz.example/bilder/1.jpg', count: 2 },
  },
  'ticker-sjis.xml': {
    feed: ['日本の新聞', NEWS, 'ja'],
    first: ['髙橋①さんの本', `${NEWS}1`, null],
    ...{ ...TICKER, summary: '長い一日。', at: '2026-03-01T17:00:00Z' },
  },
  'ticker-koi8.xml': {
    feed: ['Вести', NEWS, 'ru'],
    first: ['Хлеб и масло', `${NEWS}1`, null],
    ...{ ...TICKER, summary: 'Долгий день.' },
  },
  'ticker-1252.xml': {
    feed: ['Der Kurier – Ticker', NEWS, 'de'],
    first: ['„Grüße“ für 5 €', `${NEWS}1`, null],
    ...{ ...TICKER, summary: 'Ein langer Tag.' },
  },
  'ticker-utf16.xml': {
    feed: ['Kurier 日本', NEWS, 'de'],
    first: ['Grüße 🍞', `${NEWS}1`, null],
    ...{ ...TICKER, summary: 'Ein langer Tag.' },
  },
  'ticker-arabic.xml': {
    feed: ['أخبار', NEWS, 'ar'],
    first: ['خبز وزبدة', `${NEWS}1`, null],
    ...{ ...TICKER, summary: 'يوم طويل.' },
  },
}

describe('a feed is read as a person reads it', () => {
  test.each(Object.entries(EXPECTED))('%s', (name, expected) => {
    expect(readSample(name)).toEqual(expected)
  })
})
