import { convert } from 'html-to-text'
import { beforeAll, describe, expect, test } from 'vitest'
import { composeDigest, type DigestArticle, type DigestInput } from '../../../src/digest/compose/compose.ts'
import { checkTemplates } from '../../../src/digest/render/check-templates.ts'
import { type Rendered, renderDigest } from '../../../src/digest/render/render.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import { widthOf } from '../../../src/locale/wrap-text.ts'
import { article, articles, input, PUBLICATION, READER } from '../sample.ts'

const PICTURE = { url: 'https://example.org/p.jpg', alt: 'Ein Bild' }
const RICH = [
  article(5, { image: PICTURE, alsoAt: [{ source: 'Chronik', url: 'https://c.example' }], readingMinutes: 4 }),
  article(4, { language: 'en' }),
  article(3, { topics: ['Wirtschaft'], image: PICTURE }),
  article(2, { topics: ['Wirtschaft'], url: 'about:blank', summary: null }),
  article(1),
]

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates({ dir: null })
})

function rendered(given: readonly DigestArticle[], facts: Partial<DigestInput> = {}): Rendered {
  return renderDigest(templates, composeDigest(input(given, facts)), READER)
}

function tags(html: string, name: string): string[] {
  return html.replace(/<!--[\s\S]*?-->/g, '').match(new RegExp(`<${name}\\b[^>]*>`, 'g')) ?? []
}

const HEADINGS = ['h1', 'h2', 'h3'].map((selector) => ({ selector, options: { uppercase: false } }))
const seen = (html: string) => convert(html, { wordwrap: false, selectors: HEADINGS })

describe('the HTML of a digest', () => {
  const publication = { ...PUBLICATION, maxArticles: 4 }

  test('has doctype, language, title, dark mode, and nothing active or remote but pictures', () => {
    const { html, subject } = rendered(RICH, { publication })
    expect(html).toMatch(/^<!doctype html>\s*<html lang="de" dir="ltr"/)
    expect(html).toContain(`<title>${subject.replace('&', '&amp;')}</title>`)
    expect(html).toContain('<meta name="color-scheme" content="light dark">')
    expect(html).toContain('@media (prefers-color-scheme: dark)')
    expect(html).not.toMatch(/<(script|link|iframe|form|input|base)\b|@import|@font-face|fonts\.g|\son\w+=/i)
    expect(rendered(RICH, { locale: 'en' }).html).toContain('<html lang="en"')
  })

  test('every table is for layout and every picture has a text and stands for itself', () => {
    const { html } = rendered(RICH, { publication })
    expect(tags(html, 'table').length).toBeGreaterThan(5)
    for (const table of html.match(/<table\b[^>]*>/g) ?? []) expect(table).toContain('role="presentation"')
    expect(tags(html, 'img')).toHaveLength(2)
    for (const img of tags(html, 'img')) expect(img).toMatch(/ alt="[^"]+"/)
  })

  test('every link leads to http or https, or is the reader’s', () => {
    const hrefs = tags(rendered(RICH, { publication }).html, 'a').map((tag) => / href="([^"]*)"/.exec(tag)?.[1])
    expect(hrefs).toContain(READER.unsubscribeUrl)
    for (const href of hrefs) expect(href).toMatch(/^https?:\/\/[^/\s]+|^slot4unsubscribe$/)
  })

  test('shows everything there is to read, in order', () => {
    const text = seen(rendered(RICH, { publication, intro: 'Guten Morgen' }).html)
    const order = [
      'Welt & Technik',
      'slot2date',
      'Guten Morgen',
      'Schlagzeile 5',
      'auch bei: Chronik',
      'Schlagzeile 4',
      'WIRTSCHAFT',
    ]
      .concat(['Schlagzeile 3', 'Schlagzeile 2', 'KURZ NOTIERT', 'Schlagzeile 1', 'slot3reason', 'slot1address'])
      .concat(['Zeiten: Europe/Berlin', 'Im Browser lesen', 'Abbestellen', 'Impressum', 'Musterstraße 1'])
    let at = 0
    for (const piece of order) {
      const found = text.toUpperCase().indexOf(piece.toUpperCase(), at)
      expect(found, piece).toBeGreaterThanOrEqual(at)
      at = found + piece.length
    }
  })

  test('begins with the preheader, which is not seen in the mail', () => {
    const { html, preheader } = rendered(RICH, { publication })
    expect(preheader).toBe('Schlagzeile 4')
    expect(html).toMatch(
      /<body[^>]*>\s*<div[^>]*>\s*<div style="display:none;[^"]*mso-hide:all[^"]*">Schlagzeile 4&nbsp;/,
    )
  })

  test('a headline in another language says which', () => {
    expect(rendered(RICH).html).toMatch(/<h2 class="headline" dir="auto" lang="en"/)
  })

  test('Outlook’s conditional comments stay balanced in every form of a digest', () => {
    for (let mask = 0; mask < 32; mask += 1) {
      const facts = { topics: mask & 1 ? ['A'] : [], image: mask & 2 ? PICTURE : null }
      const { html } = rendered(articles(mask & 4 ? 90 : 3, facts), {
        intro: mask & 8 ? 'Intro' : null,
        fullEntries: mask & 16 ? 0 : 5,
      })
      const marks = html.match(/<!--\[if[^\]]*\]>|<!\[endif\]-->/g) ?? []
      expect(marks.length).toBeGreaterThan(10)
      marks.forEach((mark, index) => {
        expect(mark.startsWith('<!--[if')).toBe(index % 2 === 0)
      })
      const open = (html.match(/<(table|tr|td|div)\b/g) ?? []).length
      expect((html.match(/<\/(table|tr|td|div)>/g) ?? []).length).toBe(open)
    }
  })

  test('wears the newsletter’s accent and headline font, and no sentinel is left', () => {
    const { html } = rendered(RICH, { publication: { ...PUBLICATION, accent: '#005a9c', headlineFont: 'sans' } })
    expect(html).toContain('color:#005a9c')
    expect(html).not.toMatch(/#acce0|headline-font|Georgia/i)
    expect(rendered(RICH).html).toContain("Georgia, 'Times New Roman', serif")
  })
})

describe('the text of a digest', () => {
  test('is a mail somebody would write', () => {
    const publication = { ...PUBLICATION, maxArticles: 4 }
    const { text } = rendered(RICH, { publication, intro: 'Guten Morgen' })
    expect(text.replaceAll('\u00a0', ' ')).toMatchInlineSnapshot(`
      "Welt & Technik
      ==============
      slot2date

      Guten Morgen


      Schlagzeile 5
      -------------
      Zusammenfassung 5.
      Tagesblatt · 06:40 · 4 Min.
      auch bei: Chronik
      https://example.org/5


      Schlagzeile 4
      -------------
      Zusammenfassung 4.
      Tagesblatt · 06:40
      https://example.org/4


      WIRTSCHAFT
      ==========

      Schlagzeile 3
      -------------
      Zusammenfassung 3.
      Tagesblatt · 06:40
      https://example.org/3


      Schlagzeile 2
      -------------
      Tagesblatt · 06:40


      KURZ NOTIERT
      ============

      * Schlagzeile 1 · Tagesblatt
        https://example.org/1


      ------------------------------------------------------------------------
      slot3reason
      Gesendet an slot1address
      Zeiten: Europe/Berlin

      Im Browser lesen:
      https://news.example.org/archive/welt/x1

      Abbestellen:
      slot4unsubscribe

      Impressum
      ---------
      Verlag Beispiel GmbH
      Musterstraße 1, 10115 Berlin
      "
    `)
  })

  test('keeps 72 columns but for links and the reader’s sentence', () => {
    const long = articles(20, {
      title: 'Wörter mit 東京 und mehr '.repeat(9),
      summary: `${'Wort '.repeat(30)}${'x'.repeat(90)}`,
      alsoAt: Array.from({ length: 6 }, () => ({ source: 'Eine Zeitung mit langem Namen', url: 'https://c.example' })),
    })
    for (const line of rendered(long).text.split('\n')) {
      if (!line.includes('https://') && !line.includes('slot')) expect(widthOf(line), line).toBeLessThanOrEqual(72)
    }
  })

  test('has one link under each entry', () => {
    const { text } = rendered(articles(3, { alsoAt: [{ source: 'Chronik', url: 'https://c.example' }] }))
    expect(text.match(/https:\/\/example\.org\/\d/g)).toHaveLength(3)
    expect(text).toContain('auch bei: Chronik')
    expect(text).not.toContain('c.example')
  })
})

describe('what differs between readers', () => {
  test('every field but the name is output in HTML and text, unchanged', () => {
    const { html, text } = rendered(RICH)
    for (const field of ['address', 'date', 'reason', 'unsubscribeUrl'] as const) {
      expect(html.split(READER[field])).toHaveLength(2)
      expect(text.split(READER[field])).toHaveLength(2)
    }
  })

  test('a reader’s own values are escaped in HTML and stand as they are in text', () => {
    const view = composeDigest(input(RICH))
    const { html, text } = renderDigest(templates, view, { ...READER, address: "o'brien&co@example.net" })
    expect(html).toContain('o&#39;brien&amp;co@example.net')
    expect(text).toContain("o'brien&co@example.net")
  })

  test('rendering with markers and filling them gives what rendering for the reader gives', () => {
    const values = {
      ...READER,
      date: 'Montag',
      reason: 'Weil Sie es wollten.',
      address: 'a@example.net',
      unsubscribeUrl: 'https://n.example/u/1',
    }
    const view = composeDigest(input(RICH))
    const fill = (part: string) =>
      Object.entries(READER).reduce(
        (filled, [field, marker]) => filled.replaceAll(marker, values[field as keyof typeof values]),
        part,
      )
    const marked = renderDigest(templates, view, READER)
    const own = renderDigest(templates, view, values)
    expect([fill(marked.html), fill(marked.text)]).toEqual([own.html, own.text])
  })
})

describe('checkTemplates', () => {
  test('our own templates pass for every locale and size', () => {
    for (const maxArticles of [1, 12, 60])
      expect(() => checkTemplates(templates, { ...PUBLICATION, maxArticles })).not.toThrow()
  })
})
