import { beforeAll, describe, expect, test } from 'vitest'
import { composeDigest, type DigestView, type Publication } from '../../../src/digest/compose/compose.ts'
import { renderDigest } from '../../../src/digest/render/render.ts'
import { requireBalancedConditionals } from '../../../src/digest/templates/mjml.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import type { Logo } from '../../../src/newsletters/branding/logo.ts'
import { articles, input, PUBLICATION, READER } from '../sample.ts'

const LOGO: Logo = {
  url: 'https://news.example.org/logo.png',
  darkUrl: null,
  alt: null,
  width: 160,
  height: 40,
  place: 'instead',
}

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates({ dir: null })
})

function viewOf(facts: Partial<Publication>): DigestView {
  return composeDigest(input(articles(2), { publication: { ...PUBLICATION, ...facts } }))
}

/** What stands before the date, and the heading in it. */
function mastheadOf(logo: Partial<Logo> | null): { readonly before: string; readonly heading: string } {
  const { html } = renderDigest(templates, viewOf({ logo: logo && { ...LOGO, ...logo } }), READER)
  requireBalancedConditionals({ name: 'digest', path: '', source: '' }, html)
  const masthead = html.slice(html.indexOf('</head>'), html.indexOf(READER.date))
  const [before = '', heading = ''] = masthead.split(/<h1[^>]*>|<\/h1>/)
  return { before, heading }
}

describe('the masthead', () => {
  test('without a logo is the newsletter’s name', () => {
    const { before, heading } = mastheadOf(null)
    expect(heading).toBe('Welt &amp; Technik')
    expect(before).not.toContain('<img')
  })

  test('has a logo with its size in place of the name, which whoever does not see it reads instead', () => {
    const { heading } = mastheadOf({})
    expect(heading).toMatch(/^<img [^>]*src="https:\/\/news\.example\.org\/logo\.png"[^>]*>$/)
    expect(heading).toContain('alt="Welt &amp; Technik"')
    expect(heading).toContain('width="160" height="40"')
    expect(heading).toContain('max-width:100%;height:auto')
    expect(mastheadOf({ alt: 'Die Welt' }).heading).toContain('alt="Die Welt"')
  })

  test('beside the name has a logo that says nothing twice', () => {
    const { before, heading } = mastheadOf({ place: 'beside' })
    expect(before).toMatch(/<img [^>]*alt=""[^>]*>\s*<\/td>\s*<td[^>]*>$/)
    expect(heading).toBe('Welt &amp; Technik')
    expect(mastheadOf({ place: 'beside', alt: 'Ein Globus' }).before).toContain('alt="Ein Globus"')
  })

  test('has a variant for the dark that is hidden in the light, and from Outlook, which would show both', () => {
    const { heading } = mastheadOf({ darkUrl: 'https://news.example.org/dark.png' })
    expect(heading).toMatch(/^<img class="logo day"[^>]*>\s*<!--\[if !mso\]><!-->\s*<img class="logo night"[^>]*>/)
    expect(heading).toMatch(/"logo night" src="https:\/\/news\.example\.org\/dark\.png"[^>]*display:none/)
    expect(mastheadOf({}).heading).not.toMatch(/day|night/)
  })

  test('has the name where its logo cannot be shown', () => {
    expect(mastheadOf({ url: 'javascript:alert(1)' }).heading).toBe('Welt &amp; Technik')
  })

  test('of the text part is the name, logo or not', () => {
    expect(renderDigest(templates, viewOf({ logo: LOGO }), READER).text).toMatch(/^Welt & Technik\n=====/)
  })
})

describe('headlines', () => {
  const headlines = (html: string) => html.match(/<(h[23]|li) class="(headline|brief)[\s\S]*?<\/\1>/g) ?? []

  test('wear the newsletter’s headline colour, full or brief, and nothing else does', () => {
    const publication = { ...PUBLICATION, headlineColour: '#1e4620', maxArticles: 3 }
    const { html } = renderDigest(templates, composeDigest(input(articles(5), { publication })), READER)
    expect(headlines(html)).toHaveLength(5)
    for (const headline of headlines(html)) expect(headline.match(/color:#1e4620/g)).toHaveLength(2)
    expect(html.match(/#1e4620/g)).toHaveLength(10)
  })

  test('without one wear ours, which is another in the dark', () => {
    const { html } = renderDigest(templates, viewOf({}), READER)
    for (const headline of headlines(html)) expect(headline).toContain('color:#22262a')
    expect(html).toMatch(/prefers-color-scheme: dark\)[\s\S]*?\.headline[^{}]*\{ color: #e4e4e0/)
  })
})
