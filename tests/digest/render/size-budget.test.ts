import { beforeAll, describe, expect, test } from 'vitest'
import { composeDigest, type DigestArticle } from '../../../src/digest/compose/compose.ts'
import { renderDigest } from '../../../src/digest/render/render.ts'
import { fitBudget, MAX_HTML_BYTES } from '../../../src/digest/render/size-budget.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import { articles, input, PUBLICATION, READER } from '../sample.ts'

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates({ dir: null })
})

const BIG: Partial<DigestArticle> = {
  image: { url: `https://example.org/p.jpg?${'p'.repeat(300)}`, alt: 'Bild '.repeat(60) },
  alsoAt: [{ source: 'Chronik', url: `https://example.org/${'c'.repeat(300)}` }],
}
const RTL = 'علماء يكتشفون نوعًا جديدًا من المرجان في البحر الأحمر '
const KINDS: [string, string][] = [
  ['500 characters', 'Langes Wort im Titel '.repeat(25)],
  ['no blanks', 'x'.repeat(500)],
  ['emoji', '👩‍👩‍👧🏳️‍🌈'.repeat(40)],
  ['right to left', RTL.repeat(10)],
  ['Japanese', '東京で大規模な太陽光発電所が稼働開始。'.repeat(28)],
  ['escapes', `'"<&>{{`.repeat(70)],
]

describe('the HTML of a digest stays under 95 KB', () => {
  test.each(KINDS)('with 400 articles whose titles are %s', (_, title) => {
    const view = composeDigest(
      input(articles(400, { ...BIG, title, summary: title.repeat(4), url: `https://example.org/${'u'.repeat(200)}` })),
    )
    const { html, text, full } = renderDigest(templates, view, READER)
    expect(Buffer.byteLength(html)).toBeLessThan(MAX_HTML_BYTES)
    expect(html).toContain(READER.unsubscribeUrl)
    expect(html).toContain('https://news.example.org/archive/welt/x1')
    expect(text).toContain(READER.unsubscribeUrl)
    expect(full).toBeLessThanOrEqual(12)
  })

  test('an ordinary long digest keeps all its full entries', () => {
    expect(renderDigest(templates, composeDigest(input(articles(72))), READER).full).toBe(12)
  })

  test('full entries become headlines, as few as needed, and every article is still counted', () => {
    const publication = { ...PUBLICATION, maxArticles: 40 }
    const { html, full } = renderDigest(templates, composeDigest(input(articles(40, BIG), { publication })), READER)
    expect(full).toBeGreaterThan(10)
    expect(full).toBeLessThan(40)
    expect((html.match(/<li class="brief"/g) ?? []).length + full).toBe(40)
  })

  test('as many full entries are kept as fit', () => {
    const publication = { ...PUBLICATION, maxArticles: 24 }
    const view = composeDigest(input(articles(24), { publication }))
    for (let most = 0; most <= 24; most += 1) {
      const bytes = Math.floor((MAX_HTML_BYTES - 1) / (most + 0.5))
      expect(fitBudget(view, (tried) => 'x'.repeat(tried.full * bytes)).view.full).toBe(most)
    }
  })

  test('where even headlines do not fit, fewer are shown and the rest is in the number that links to all', () => {
    const url = `https://example.org/${'u'.repeat(1950)}`
    const { html, full } = renderDigest(templates, composeDigest(input(articles(100, { url }))), READER)
    const headlines = (html.match(/<li class="brief"/g) ?? []).length
    expect([full, headlines > 20, headlines < 60]).toEqual([0, true, true])
    expect(html).toContain(`und ${100 - headlines}\u00a0weitere Artikel`)
  })

  test('an imprint too long for any digest is an error that says so', () => {
    const publication = { ...PUBLICATION, imprint: 'Zeile des Impressums\n'.repeat(5000) }
    const view = composeDigest(input(articles(1), { publication }))
    expect(() => renderDigest(templates, view, READER)).toThrow(expect.objectContaining({ code: 'digest.tooLarge' }))
  })
})
