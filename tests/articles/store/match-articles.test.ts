import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Article, toArticle } from '../../../src/articles/build-article.ts'
import { identifyArticles, matchArticles, type StoredArticle } from '../../../src/articles/store/match-articles.ts'
import { Temporal } from '../../../src/clock.ts'

const HERE = 1
const ELSEWHERE = 2
const MARCH = Temporal.Instant.from('2026-03-01T08:00:00Z')
const APRIL = Temporal.Instant.from('2026-04-01T08:00:00Z')

type Given = {
  guid?: string | null
  url?: string
  title?: string
  text?: string
  publishedAt?: Temporal.Instant | null
}

function article({
  guid = null,
  url = 'https://kurier.example/rat',
  title = 'Rat',
  text = 'Text',
  publishedAt = null,
}: Given = {}): Article {
  const item = {
    id: guid,
    url,
    title,
    summary: text,
    contentHtml: null,
    author: null,
    publishedAt,
    topics: [],
    image: null,
  }
  const made = toArticle(item, 'de')
  if (made === null) throw new Error('no article')
  return made
}

/** What is stored after a source brought these articles in one document. */
function stored(articles: readonly Article[], source = HERE): StoredArticle[] {
  return identifyArticles(articles, null).map(
    ({ article: { urlKey, titleKey, textHash, publishedAt }, guid }, index) => {
      const name = source === HERE ? guid : null
      return { id: index + 1, sourceId: source, urlKey, titleKey, textHash, publishedAt, guid: name }
    },
  )
}

/** The ids of the stored articles that a document's are; null for new ones. */
function found(
  document: readonly Article[],
  known: readonly StoredArticle[],
  homeKey: string | null = null,
): (number | null)[] {
  return matchArticles(identifyArticles(document, homeKey), known).map((sighting) => sighting.known?.id ?? null)
}

describe('within a source an article is the same', () => {
  test('by its guid, though URL, title and text were edited', () => {
    const known = stored([article({ guid: 'a' })])
    expect(
      found([article({ guid: 'a', url: 'https://kurier.example/neu', title: 'Neu', text: 'Neu' })], known),
    ).toEqual([1])
  })

  test('by its URL, though the guid was made anew', () => {
    const known = stored([article({ guid: 'a', publishedAt: MARCH })])
    expect(found([article({ guid: 'b', publishedAt: MARCH, title: 'Rat (neu)' })], known)).toEqual([1])
    expect(found([article({ guid: 'b', publishedAt: APRIL })], known)).toEqual([1])
  })

  test('by its URL in whatever way it is written', () => {
    const known = stored([article({ url: 'http://www.kurier.example/rat/' })])
    expect(found([article({ url: 'https://kurier.example/rat?utm_source=rss', title: 'Anders' })], known)).toEqual([1])
  })

  test('by title and text where all guids were made anew at a shared URL', () => {
    const live = (guid: string, title: string) => article({ guid, title, text: title })
    const known = stored([live('a', 'Eins'), live('b', 'Zwei')])
    expect(found([live('d', 'Zwei'), live('c', 'Eins'), live('e', 'Drei')], known)).toEqual([2, 1, null])
  })
})

describe('within a source articles are different', () => {
  test('by their guids, at a URL that two items of one document share', () => {
    const first = article({ guid: 'a', title: 'Eins' })
    const known = stored([first])
    expect(found([article({ guid: 'b', title: 'Zwei' }), first], known)).toEqual([null, 1])
  })

  test('by title, at a shared URL without guids', () => {
    const known = stored([article({ title: 'Eins' }), article({ title: 'Zwei' })])
    expect(found([article({ title: 'Drei' }), article({ title: 'Eins' })], known)).toEqual([null, 1])
  })

  test('by their guids, at the address of the home page', () => {
    const known = stored([article({ guid: 'a', title: 'Wetter', text: 'Regen' })])
    const document = [article({ guid: 'b', title: 'Wetter', text: 'Sonne' })]
    expect(found(document, known, 'kurier.example/rat')).toEqual([null])
  })

  test('by guid, date, title and text together, at a page that shows now this, now that', () => {
    const known = stored([article({ guid: 'a', title: 'Folge 1', text: 'eins', publishedAt: MARCH })])
    expect(found([article({ guid: 'b', title: 'Folge 2', text: 'zwei', publishedAt: APRIL })], known)).toEqual([null])
  })

  test('by URL, where guids only count positions', () => {
    const at = (guid: string, path: string) =>
      article({ guid, url: `https://kurier.example/${path}`, title: path, text: path })
    const known = stored([at('1', 'b'), at('2', 'c')])
    expect(found([at('1', 'a'), at('2', 'b')], known)).toEqual([null, 1])
  })

  test('by URL, where all have one guid', () => {
    const at = (path: string) => article({ guid: 'same', url: `https://kurier.example/${path}`, title: path })
    const known = stored([at('a'), at('b')])
    expect(found([at('c'), at('b'), at('a')], known)).toEqual([null, 2, 1])
  })
})

describe('across sources', () => {
  test('URL and title together make one article', () => {
    const known = stored([article({ guid: 'a' })], ELSEWHERE)
    expect(found([article({ guid: 'b' })], known)).toEqual([1])
    expect(found([article({ title: 'Rat!' })], known)).toEqual([1])
    expect(found([article({ title: 'Anders' })], known)).toEqual([null])
  })

  test('the same guid means nothing', () => {
    const known = stored([article({ guid: 'a', url: 'https://anders.example/1' })], ELSEWHERE)
    expect(found([article({ guid: 'a' })], known)).toEqual([null])
  })

  test('a shared URL and the home page mean nothing', () => {
    const known = stored([article()], ELSEWHERE)
    expect(found([article(), article({ title: 'Zwei' })], known)).toEqual([null, null])
    expect(found([article()], known, 'kurier.example/rat')).toEqual([null])
  })
})

describe('names within a source', () => {
  test('take once what a document has twice', () => {
    expect(identifyArticles([article({ guid: 'a' }), article({ guid: 'a' })], null)).toHaveLength(1)
    expect(identifyArticles([article(), article()], null)).toHaveLength(1)
  })

  test('are unique, and match again what they named', () => {
    const any = fc.record({
      guid: fc.constantFrom(null, 'a', 'b', 'url:kurier.example/1'),
      url: fc.constantFrom('https://kurier.example/1', 'https://kurier.example/2', 'https://kurier.example/'),
      title: fc.constantFrom('Eins', 'Zwei'),
      text: fc.constantFrom('x', 'y'),
      publishedAt: fc.constantFrom(null, MARCH, APRIL),
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), (given) => {
        const document = given.map(article)
        const named = identifyArticles(document, 'kurier.example')
        expect(new Set(named.map(({ guid }) => guid)).size).toBe(named.length)
        const known = named.map(({ article: { urlKey, titleKey, textHash, publishedAt }, guid }, index) => ({
          ...{ id: index + 1, sourceId: HERE, urlKey, titleKey, textHash, publishedAt, guid },
        }))
        expect(matchArticles(named, known).map((sighting) => sighting.known?.guid)).toEqual(
          named.map(({ guid }) => guid),
        )
      }),
      { numRuns: 500 },
    )
  })
})
