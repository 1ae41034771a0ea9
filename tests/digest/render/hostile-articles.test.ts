import fc from 'fast-check'
import { convert } from 'html-to-text'
import { beforeAll, describe, expect, test } from 'vitest'
import { composeDigest, type DigestArticle, type DigestInput } from '../../../src/digest/compose/compose.ts'
import { type Rendered, renderDigest } from '../../../src/digest/render/render.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import { corpora, readCases } from '../../support/corpora.ts'
import { article, articles, input, READER } from '../sample.ts'

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates({ dir: null })
})

function rendered(given: readonly DigestArticle[], facts: Partial<DigestInput> = {}): Rendered {
  return renderDigest(templates, composeDigest(input(given, facts)), READER)
}

const HEADINGS = ['h1', 'h2', 'h3'].map((selector) => ({ selector, options: { uppercase: false } }))
const seen = (html: string) => convert(html, { wordwrap: false, selectors: HEADINGS })

/** How many characters of markup an HTML holds: foreign text can only change it by being markup. */
const shape = (html: string) => ['<', '>', '"'].map((character) => html.split(character).length)
const withText = (text: string) => {
  const facts = { title: `x${text}`, summary: `y${text}`, source: `z${text}`, topics: [`t${text}`] }
  const alsoAt = [{ source: `s${text}`, url: 'https://example.org' }]
  return articles(3, { ...facts, author: text, image: { url: 'https://example.org/p.jpg', alt: `a${text}` }, alsoAt })
}

describe('foreign content', () => {
  test('comes out as inert, visible text', () => {
    const { html, text, subject } = rendered([
      article(1, { title: '<script>alert(1)</script> {{ 7|times:7 }} {% raw %}' }),
    ])
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(html).not.toMatch(/<script|\{\{|\{%/)
    expect(seen(html)).toContain('<script>alert(1)</script> {{ 7|times:7 }} {% raw %}')
    expect(text).toContain('{ { 7|times:7 }} { % raw %}')
    expect(subject).not.toMatch(/\{\{|\{%/)
  })

  test('of any kind never becomes markup, in no place', () => {
    const benign = shape(rendered(withText('b'), { intro: 'b' }).html)
    const soup = fc.stringMatching(
      /^(<|>|"|'|&|;|\{|%|\}|script|style|img src=x|onerror=|-->|<!--|\[if mso\]>|a| |\/|#39|\u202e|é|東|😀)*$/,
    )
    fc.assert(
      fc.property(soup, (text) => {
        const { html, text: plain } = rendered(withText(text), { intro: `i${text}` })
        expect(shape(html)).toEqual(benign)
        expect(html).not.toMatch(/\{\{|\{%|\u202e/)
        expect(plain).not.toMatch(/\{\{|\{%|<\/?(p|div|table|td|span|br|a)\b[^>]*>|&(amp|nbsp|quot|lt|gt|#\d+);|\u202e/)
      }),
      { numRuns: 60 },
    )
  })
})

describe.skipIf(corpora === null)('the payloads of public test suites (COURANT_CORPORA)', () => {
  test('never become markup or a link, wherever they stand', () => {
    const corpus = readCases<{ payloads: readonly { payload: string }[] }>('xss.json')
    const benign = shape(rendered(withText('b'), { intro: 'b' }).html)
    expect(corpus.payloads.length).toBeGreaterThan(100)
    for (const { payload } of corpus.payloads) {
      const intro = `i${payload.replace(/\s/g, ' ')}`
      expect(shape(rendered(withText(payload), { intro }).html), payload).toEqual(benign)
      const { html } = rendered([article(1, { url: payload, alsoAt: [{ source: 'S', url: payload }] })])
      for (const [, href] of html.matchAll(/ href="([^"]*)"/g))
        expect(href).toMatch(/^https?:\/\/[^/\s]+|^slot4unsubscribe$/)
    }
  })
})
