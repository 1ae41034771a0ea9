import { beforeAll, describe, expect, test } from 'vitest'
import { composeDigest, type DigestArticle } from '../../../src/digest/compose/compose.ts'
import { renderDigest } from '../../../src/digest/render/render.ts'
import { MAX_HTML_BYTES } from '../../../src/digest/render/size-budget.ts'
import { requireBalancedConditionals } from '../../../src/digest/templates/mjml.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import { LOCALES } from '../../../src/locale/locale.ts'
import { widthOf } from '../../../src/locale/wrap-text.ts'
import { articles, input, PUBLICATION, READER } from '../sample.ts'

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates({ dir: null })
})

const FACTS: Partial<DigestArticle> = { topics: ['Wirtschaft'], readingMinutes: 4 }
const PICTURE = { url: `https://example.org/p.jpg?${'p'.repeat(300)}`, alt: '' }
const title = (text: string): Partial<DigestArticle> => ({ title: text, summary: text, topics: [text], source: text })

const KINDS: [string, Partial<DigestArticle>][] = [
  ['ordinary', FACTS],
  ['without pictures', { ...FACTS, image: null }],
  ['only pictures', { title: '', summary: null, source: '', topics: [], publishedAt: null, image: PICTURE }],
  ['with titles of 500 characters', title('Ein Titel, der nicht endet, '.repeat(18))],
  ['with titles of 500 characters and no blank', title('Wort'.repeat(125))],
  ['right to left', { ...title('علماء يكتشفون نوعًا جديدًا من المرجان '.repeat(13)), language: 'ar' }],
  ['Chinese', { ...title('全国各地今天迎来强降雨天气。'.repeat(35)), language: 'zh' }],
  ['of emoji', title('👩‍👩‍👧🏳️‍🌈🇩🇪 '.repeat(30))],
  ['with HTML in titles', title('<b>Fett</b> <img src=x onerror="alert(1)"> </td></table><!--[if mso]> '.repeat(7))],
  ['with Liquid in titles', title('{{ reader.unsubscribeUrl }} {% endfor %} {{{{'.repeat(10))],
  ['with one combining mark after the other', title(`Zalgo${'\u0301\u0322'.repeat(250)}`)],
]

const VOID = new Set(['meta', 'img', 'br', 'hr', 'link', 'col'])

/** Tags that close what is not open, or stay open; Outlook's conditional comments are left out. */
function unbalancedTags(html: string): string[] {
  const open: string[] = []
  const wrong: string[] = []
  const body = html.replace(/<!--[\s\S]*?-->/g, '').replace(/<(style|title)\b[\s\S]*?<\/\1>/g, '')
  for (const [, slash, name = ''] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:"[^"]*"|[^">])*>/g)) {
    if (slash === '') {
      if (!VOID.has(name)) open.push(name)
    } else if (open.pop() !== name) wrong.push(`</${name}>`)
  }
  return [...wrong, ...open]
}

describe.each(LOCALES)('400 new articles make a valid, readable digest under 95 KB (%s)', (locale) => {
  test.each(KINDS)('%s', (_, facts) => {
    const publication = { ...PUBLICATION, locale }
    const { html, text, subject, full } = renderDigest(
      templates,
      composeDigest(input(articles(400, facts), { publication, locale, intro: facts.title ?? null })),
      READER,
    )
    expect(Buffer.byteLength(html)).toBeLessThan(MAX_HTML_BYTES)
    expect(full).toBeGreaterThanOrEqual(6)
    expect(unbalancedTags(html)).toEqual([])
    requireBalancedConditionals({ name: 'digest', path: '', source: '' }, html)
    expect(html.match(/<a\b[^>]*>\s*<\/a>/g)).toBeNull()
    expect(html.match(/<h[123][^>]*>\s*<\/h[123]>/g)).toBeNull()
    expect(html.match(/<img(?![^>]* alt="[^"])[^>]*>/g)).toBeNull()
    expect(subject.length).toBeLessThanOrEqual(60)
    for (const part of [html, text]) {
      expect(part.match(/https:\/\/example\.org\/\d+(?=["\s])/g)?.length).toBeGreaterThanOrEqual(60)
      expect(part).toContain(READER.unsubscribeUrl)
      expect(part).toContain('https://news.example.org/archive/welt/x1')
    }
    const lines = text.split('\n').filter((line) => !/https:/.test(line))
    expect(lines.filter((line) => widthOf(line) > 72)).toEqual([])
  })
})
