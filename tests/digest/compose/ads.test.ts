import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Ad } from '../../../src/digest/compose/ads.ts'
import { composeDigest } from '../../../src/digest/compose/compose.ts'
import { checkTemplates } from '../../../src/digest/render/check-templates.ts'
import { type Rendered, renderDigest } from '../../../src/digest/render/render.ts'
import { MAX_HTML_BYTES } from '../../../src/digest/render/size-budget.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import { articles, input, PUBLICATION, READER } from '../sample.ts'

const AD: Ad = {
  title: 'Fahrräder & mehr',
  text: 'Im März mit Probefahrt.\nAm Hafen 3.',
  url: 'https://rad.example/fruehling',
  advertiser: 'Radhaus Beispiel',
  image: { url: 'https://rad.example/rad.jpg', alt: 'Ein rotes Fahrrad' },
}

let templates: Templates
const OWN = new URL('../../../templates/', import.meta.url).pathname

/** Our templates with one part written anew, as a publisher would. */
async function withText(write: (text: string) => string): Promise<Templates> {
  const dir = mkdtempSync(join(tmpdir(), 'courant-ads-'))
  cpSync(OWN, dir, { recursive: true })
  const file = join(dir, 'mail', 'digest.txt')
  writeFileSync(file, write(readFileSync(file, 'utf8')))
  try {
    return await loadTemplates({ dir })
  } finally {
    rmSync(dir, { recursive: true })
  }
}

beforeAll(async () => {
  templates = await loadTemplates({ dir: null })
})

function rendered(ads: readonly Ad[] | undefined, locale: 'de' | 'en' = 'de', count = 5): Rendered {
  const publication = { ...PUBLICATION, maxArticles: 3 }
  return renderDigest(templates, composeDigest(input(articles(count), { publication, locale, ads })), READER)
}

describe('an ad slot', () => {
  test('that is empty takes no room', () => {
    const none = rendered(undefined)
    expect(rendered([])).toEqual(none)
    expect(rendered([{ ...AD, title: ' ', text: '', advertiser: '' }])).toEqual(none)
    expect(`${none.html}${none.text}`).not.toMatch(/anzeige/i)
  })

  test.each([
    ['de', 'Anzeige', 'Kurz notiert'],
    ['en', 'Advertisement', 'In brief'],
  ] as const)('is labelled before anything of it is said, between entries and briefs (%s)', (locale, label, briefs) => {
    const { html, text } = rendered([AD], locale)
    for (const [part, said] of [
      [html, [label, 'Ein rotes Fahrrad', 'Fahrräder &amp; mehr', 'Im März', 'Radhaus Beispiel', briefs]],
      [text, [label.toUpperCase(), 'Fahrräder & mehr', 'Im März', 'Radhaus Beispiel', briefs.toUpperCase()]],
    ] as const) {
      const places = ['Schlagzeile 3', ...said].map((piece) => part.indexOf(piece))
      expect(places).toEqual(places.toSorted((a, b) => a - b))
      expect(places).not.toContain(-1)
    }
  })

  test('of the text part is a heading, its lines and one link', () => {
    expect(rendered([AD]).text).toContain(
      [
        '\nANZEIGE\n=======\n',
        'Fahrräder & mehr\nIm März mit Probefahrt.\nAm Hafen 3.\nRadhaus Beispiel',
        'https://rad.example/fruehling\n',
      ].join('\n'),
    )
  })

  test('shows a stranger’s text as text, and links only to http and https', () => {
    const { html } = rendered([{ ...AD, title: '<b>{{ reader.name }}</b>', url: 'javascript:alert(1)', image: null }])
    expect(html).toContain('&lt;b&gt;&#123;{ reader.name }}&lt;/b&gt;')
    expect(html).not.toContain('javascript:')
  })

  test('stays where the digest is cut to its budget', () => {
    const { html } = rendered([AD], 'de', 400)
    expect(Buffer.byteLength(html)).toBeLessThan(MAX_HTML_BYTES)
    expect(html).toContain('Radhaus Beispiel')
  })

  test('need not be shown by a publisher’s own template, but never without its label', async () => {
    const without = await withText((text) => text.replace('in adSlots', 'in adSlots limit: 0'))
    expect(() => checkTemplates(without, PUBLICATION)).not.toThrow()
    const unlabelled = await withText((text) => text.replace(/\{\{ words\.ad [^}]*\}\}/, ''))
    expect(() => checkTemplates(unlabelled, PUBLICATION)).toThrow(/digest\.txt.*words\.ad/)
  })
})
