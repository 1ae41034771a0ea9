import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeTitleKey, toArticle, toArticles } from '../../src/articles/build-article.ts'
import type { FeedItem } from '../../src/articles/feeds/parse-feed.ts'
import { canonicalUrl, urlKey } from '../../src/articles/text/canonical-url.ts'
import { summarise } from '../../src/articles/text/summary.ts'
import { Temporal } from '../../src/clock.ts'

const ITEM: FeedItem = {
  id: '4711',
  url: 'https://kurier.example/rat',
  title: 'Rat & Tat',
  summary: 'Der Rat der Stadt hat gestern Abend über die neuen Radwege beraten.',
  contentHtml: null,
  author: 'Anna Blume',
  publishedAt: Temporal.Instant.from('2026-03-01T08:00:00Z'),
  topics: ['Politik'],
  image: null,
}
const made = (change: Partial<FeedItem>, language: string | null = 'de') => toArticle({ ...ITEM, ...change }, language)

describe('a canonical URL', () => {
  test.each([
    ['HTTP://Kurier.Example:80/Rat', 'http://kurier.example/Rat'],
    ['https://kurier.example/rat?utm_source=rss&utm_medium=feed', 'https://kurier.example/rat'],
    ['https://kurier.example/rat?id=7&fbclid=x&wt_mc=rss.ho&b=%20+', 'https://kurier.example/rat?id=7&b=%20+'],
    ['https://kurier.example/rat#xtor=RSS-3', 'https://kurier.example/rat'],
    ['https://kurier.example/rat?ref=rss#ref=rss', 'https://kurier.example/rat'],
    ['https://kurier.example/live#eintrag-3', 'https://kurier.example/live#eintrag-3'],
    ['https://kurier.example/rat?ref=42', 'https://kurier.example/rat?ref=42'],
    ['https://kurier.example/rat?', 'https://kurier.example/rat'],
  ])('of %s is %s', (address, canonical) => {
    expect(canonicalUrl(address)).toBe(canonical)
  })

  test('is its own canonical URL', () => {
    const address = fc.webUrl({ withQueryParameters: true, withFragments: true })
    fc.assert(
      fc.property(address, (url) => canonicalUrl(canonicalUrl(url)) === canonicalUrl(url)),
      { numRuns: 1000, examples: [['http://a.aa??#a']] },
    )
  })

  test('has the same key with and without encryption, “www.” and a slash at the end', () => {
    const same = ['http://kurier.example/rat', 'https://www.kurier.example/rat/', 'https://kurier.example/rat']
    expect(new Set(same.map(canonicalUrl).map(urlKey))).toEqual(new Set(['kurier.example/rat']))
    expect(urlKey('https://kurier.example/Rat?a=1')).toBe('kurier.example/Rat?a=1')
  })
})

describe('a title', () => {
  test('is known by its letters and digits', () => {
    expect(makeTitleKey('„Rat  &  Tat“ – Teil ２')).toBe('rat tat teil 2')
    expect(makeTitleKey('???')).toBe('???')
  })

  test('that is missing is made of the first words', () => {
    const summary = 'Der Rat der Stadt hat gestern Abend lange über die neuen Radwege an der großen Ringstraße beraten.'
    expect(made({ title: '', summary })?.title).toBe(
      'Der Rat der Stadt hat gestern Abend lange über die neuen Radwege an der großen Ringstraße…',
    )
    expect(made({ title: '', summary: null, contentHtml: '<p>Kurz.</p>' })?.title).toBe('Kurz.')
  })
})

describe('an item', () => {
  test('without an address is none, unless its guid is one', () => {
    expect(made({ url: null })).toBeNull()
    expect(made({ url: null, id: 'https://kurier.example/x?utm_source=y' })?.url).toBe('https://kurier.example/x')
    expect(made({ url: null, id: 'javascript:alert(1)' })).toBeNull()
  })

  test('without a word is none, and so is one whose address fits no line of a mail', () => {
    expect(made({ title: '', summary: null })).toBeNull()
    expect(made({ url: `https://kurier.example/${'x'.repeat(1000)}` })).toBeNull()
  })

  test('keeps no summary that only repeats the title', () => {
    expect(made({ summary: 'Rat & Tat.' })?.summary).toBeNull()
  })

  test('has the author’s name and nothing else', () => {
    expect(made({ author: 'Von Anna Blume' })?.author).toBe('Anna Blume')
    expect(made({ author: 'Anna Blume (anna@kurier.example), Bert <b@x.example>' })?.author).toBe('Anna Blume, Bert')
    expect(made({ author: 'anna@kurier.example' })?.author).toBeNull()
  })

  test('has the language of its feed, else the one of its words', () => {
    expect(made({}, 'de-AT')?.language).toBe('de-AT')
    expect(made({}, null)?.language).toBe('de')
    expect(made({ summary: 'The city council has discussed the new cycle paths for hours.' }, null)?.language).toBe(
      'en',
    )
    expect(made({ summary: 'Kurz.' }, null)?.language).toBeNull()
  })

  test('has each topic once, and none that is too long for one', () => {
    const topics = ['Politik', 'politik', 'Ｓport', 'x'.repeat(81), '\ufdfa'.repeat(80)]
    expect(made({ topics })?.topics).toEqual(['Politik', 'Sport'])
  })

  test('counts words, not marks', () => {
    expect(made({ contentHtml: '<p>Ein Radweg-Plan – für 3.000 Leute, sagt’s der Rat.</p>' })?.wordCount).toBe(8)
  })

  test('has the same hash while its words stay, whatever their markup', () => {
    const hash = (contentHtml: string) => made({ contentHtml })?.textHash
    expect(hash('<p>Ein <b>Wort</b>.</p>')).toBe(hash('<div>Ein Wort</div>'))
    expect(hash('<p>Ein Wort.</p>')).not.toBe(hash('<p>Zwei Worte.</p>'))
  })

  test('with a guid too long to be found by is known by the guid’s hash', () => {
    const guid = made({ id: 'x'.repeat(3000) })?.guid
    expect(guid).toMatch(/^hash:[0-9a-f]{32}$/)
    expect(made({ id: `${'x'.repeat(3000)}y` })?.guid).not.toBe(guid)
  })
})

test('of many items without a declared language the first are guessed, and the others are in that of most of them', () => {
  const german = {
    ...ITEM,
    summary: 'Der Rat der Stadt hat gestern Abend beschlossen, die alte Brücke über den Fluss zu erneuern.',
  }
  const english = {
    ...ITEM,
    summary: 'The council of the town decided last night that the old bridge over the river is renewed.',
  }
  const items = [english, ...Array.from({ length: 520 }, () => german), english, { ...ITEM, url: null, id: null }]
  const articles = toArticles(items, null)
  expect(articles).toHaveLength(items.length - 1)
  expect([articles[0], articles[1], articles.at(-1)].map((article) => article?.language)).toEqual(['en', 'de', 'de'])
  expect(toArticles(items, 'fr').at(-1)?.language).toBe('fr')
})

describe('a summary', () => {
  const sentence = 'Der Rat der Stadt hat gestern Abend lange über die neuen Radwege beraten. '

  test('ends with a sentence', () => {
    expect(summarise(sentence.repeat(9), 'de')).toBe(sentence.repeat(4).trim())
  })

  test('of one long sentence ends with a word and three dots', () => {
    const summary = summarise(`${'sehr '.repeat(100)}lang.`, 'de')
    expect(summary).toMatch(/^(sehr )+sehr…$/)
    expect(summary.length).toBeLessThanOrEqual(300)
  })

  test.each([
    ['Ein Satz. The post Rat und Tat appeared first on Der Kurier.', 'Ein Satz.'],
    ['Ein Satz. Der Beitrag Rat und Tat erschien zuerst auf Der Kurier.', 'Ein Satz.'],
    ['Ein Satz. Weiterlesen »', 'Ein Satz.'],
    ['Ein Satz. Continue reading Rat und Tat →', 'Ein Satz.'],
    ['Wir wollen weiterlesen.', 'Wir wollen weiterlesen.'],
    ['Ein Satz. Weiter fordert der Rat mehr Geld.', 'Ein Satz. Weiter fordert der Rat mehr Geld.'],
    ['Ein halber […]', 'Ein halber…'],
    ['Ein Satz. [...]', 'Ein Satz.'],
  ])('of %j is %j', (text, summary) => {
    expect(summarise(text, 'de')).toBe(summary)
  })

  test('is never longer than 300 characters and never torn inside a character', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 900 })
    fc.assert(
      fc.property(
        text,
        (words) => summarise(words, 'de').length <= 300 && summarise(words.toWellFormed(), null).isWellFormed(),
      ),
    )
  })
})
