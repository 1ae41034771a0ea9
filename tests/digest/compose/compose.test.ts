import { describe, expect, test } from 'vitest'
import { composeDigest, type DigestView } from '../../../src/digest/compose/compose.ts'
import { AT, article, articles, input, PUBLICATION } from '../sample.ts'

const PICTURE = { url: 'https://example.org/p.jpg', alt: 'Ein Bild' }

function shownIds({ lead, sections, briefs }: DigestView): number[] {
  return [lead, ...sections.flatMap((section) => section.entries), ...briefs].flatMap((entry) =>
    entry ? [entry.entryId] : [],
  )
}

describe('composeDigest', () => {
  test('the newest article with a picture leads', () => {
    expect(
      composeDigest(input([article(3), article(2, { image: PICTURE }), article(1, { image: PICTURE })])).lead?.entryId,
    ).toBe(2)
  })

  test('without pictures, or with none that can be shown, the newest leads', () => {
    const withBadPicture = article(1, { image: { url: 'data:image/png;base64,AA', alt: '' } })
    expect(composeDigest(input([article(2), withBadPicture])).lead?.entryId).toBe(2)
  })

  test('an article stands once, under its first topic; those without a topic come first under no heading', () => {
    const view = composeDigest(
      input([
        article(6),
        article(5, { topics: ['Sport', 'Politik'] }),
        article(4),
        article(3, { topics: ['Politik'] }),
        article(2, { topics: ['sport'] }),
        article(1, { topics: ['  ', 'Politik'] }),
      ]),
    )
    expect(view.sections.map(({ name, entries }) => [name, entries.map((entry) => entry.entryId)])).toEqual([
      [null, [4]],
      ['Sport', [5, 2]],
      ['Politik', [3, 1]],
    ])
    expect(shownIds(view).sort()).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('up to maxArticles articles are all full entries', () => {
    const view = composeDigest(input(articles(12)))
    expect([view.full, view.briefs.length, view.more]).toEqual([12, 0, null])
  })

  test('articles beyond maxArticles are headlines', () => {
    const view = composeDigest(input(articles(13)))
    expect([view.full, view.briefs.map((brief) => brief.entryId), view.more]).toEqual([12, [1], null])
  })

  test('articles beyond 60 headlines are a number that links to the page of all', () => {
    const view = composeDigest(input(articles(400)))
    expect([view.full, view.briefs.length]).toEqual([12, 60])
    expect(view.more).toEqual({
      count: 328,
      url: 'https://news.example.org/archive/welt/x1',
      label: 'und 328\u00a0weitere Artikel',
    })
  })

  test('each article stands exactly once, whatever the number of full entries', () => {
    for (const fullEntries of [0, 1, 5, 12, 40]) {
      const view = composeDigest(input(articles(50, { topics: ['A'] }), { fullEntries }))
      expect(new Set(shownIds(view)).size).toBe(50)
      expect(shownIds(view)).toHaveLength(50)
      expect(view.full).toBe(Math.min(fullEntries, 12))
    }
  })

  test('with no full entry there is no lead, and the newest headline makes the subject', () => {
    const view = composeDigest(input(articles(3), { fullEntries: 0 }))
    expect([view.lead, view.sections, view.subject]).toEqual([null, [], 'Schlagzeile 3 – Welt & Technik'])
  })

  test('the preheader is the second headline, else the summary of the lead', () => {
    expect(composeDigest(input(articles(2))).preheader).toBe('Schlagzeile 1')
    expect(composeDigest(input(articles(1))).preheader).toBe('Zusammenfassung 1.')
    expect(composeDigest(input(articles(1, { summary: null }))).preheader).toBe('')
  })

  test('small print says source, time in the newsletter’s zone and reading time', () => {
    const meta = (facts: Parameters<typeof article>[1]) => composeDigest(input([article(1, facts)])).lead?.meta
    expect(meta({ readingMinutes: 4 })).toBe('Tagesblatt · 06:40 · 4\u00a0Min.')
    expect(meta({ publishedAt: AT.subtract({ hours: 13 }) })).toBe('Tagesblatt · gestern,\u00a018:00')
    expect(meta({ publishedAt: AT.subtract({ hours: 45 }) })).toBe('Tagesblatt · 21.\u00a0November,\u00a010:00')
    expect(meta({ publishedAt: AT.subtract({ hours: 24 * 365 }) })).toBe('Tagesblatt · 23.\u00a0November\u00a02025')
    expect(meta({ publishedAt: null, readingMinutes: Number.NaN })).toBe('Tagesblatt')
  })

  test('an article without a title is called by its summary, else untitled', () => {
    const titleOf = (summary: string | null) =>
      composeDigest(input([article(1, { title: '\u0000 ', summary })])).lead?.title
    expect([titleOf('Der Anfang.'), titleOf(null)]).toEqual(['Der Anfang.', 'Ohne Titel'])
  })

  test('a summary that only repeats the title is left out', () => {
    expect(composeDigest(input([article(1, { summary: 'Schlagzeile 1' })])).lead?.summary).toBeNull()
  })

  test('titles and summaries are cut to a sane length', () => {
    const { lead } = composeDigest(input([article(1, { title: 'Wort '.repeat(100), summary: 'Wort '.repeat(400) })]))
    expect(lead?.title.length).toBeLessThanOrEqual(180)
    expect(lead?.title).toMatch(/Wort\u00a0…$/)
    expect(lead?.summary?.length).toBeLessThanOrEqual(160)
  })

  test('links go only to http and https', () => {
    const urlOf = (url: string) => composeDigest(input([article(1, { url })])).lead?.url
    expect(urlOf('https://example.org/a?b={{c}}')).toBe('https://example.org/a?b=%7B%7Bc%7D%7D')
    expect(urlOf(' http://user:secret@example.org ')).toBe('http://example.org/')
    for (const url of [
      'javascript:alert(1)',
      'data:text/html,x',
      'mailto:a@b.c',
      '/relative',
      '',
      `https://a.b/${'x'.repeat(2000)}`,
    ]) {
      expect(urlOf(url)).toBeNull()
    }
  })

  test('a language is named only where it is one and differs from the digest’s', () => {
    const languageOf = (language: string | null) => composeDigest(input([article(1, { language })])).lead?.language
    expect(['de', 'de-AT', 'EN-us', 'x"><', null].map(languageOf)).toEqual([null, null, 'en-us', null, null])
  })

  test('intro and imprint keep their lines', () => {
    const view = composeDigest(input(articles(1), { intro: 'Eins\r\n\nZwei' }))
    expect([view.intro, view.imprint]).toEqual([['Eins', 'Zwei'], PUBLICATION.imprint.split('\n')])
  })
})
