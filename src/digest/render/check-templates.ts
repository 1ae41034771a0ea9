import { Temporal } from '../../clock.ts'
import { LOCALES, type Locale, phrase } from '../../locale/locale.ts'
import type { Logo } from '../../newsletters/branding/logo.ts'
import type { Ad } from '../compose/ads.ts'
import { composeDigest, type DigestInput, type Publication } from '../compose/compose.ts'
import { composeConfirmation } from '../compose/confirmation-mail.ts'
import type { DigestArticle } from '../compose/entry-view.ts'
import type { ReaderFields } from '../compose/reader-fields.ts'
import { invalidTemplate, type ParsedTemplate } from '../templates/liquid.ts'
import { requireBalancedConditionals } from '../templates/mjml.ts'
import type { Templates } from '../templates/templates.ts'
import { renderConfirmation, renderDigest } from './render.ts'

const AT = Temporal.Instant.from('2026-11-23T06:00:00Z')
const READER: ReaderFields = {
  name: 'CheckReaderName',
  address: 'CheckReaderAddress',
  date: 'CheckReaderDate',
  reason: 'CheckReaderReason',
  unsubscribeUrl: 'CheckReaderUnsubscribe',
}

/**
 * Renders each mail in each locale with a full and with a minimal view, so that nothing is queued that cannot be rendered later; a
 * fault of the templates throws `template.invalid` with file and line.
 */
export function checkTemplates(templates: Templates, publication: Publication): void {
  for (const locale of LOCALES) {
    checkDigest(templates, fullInput(publication, locale))
    checkDigest(templates, minimalInput(publication, locale))
    checkConfirmation(templates, publication, locale, 1)
    checkConfirmation(templates, { ...publication, imprint: '' }, locale, 2)
  }
}

function checkDigest(templates: Templates, input: DigestInput): void {
  const { html, text } = renderDigest(templates, composeDigest(input), READER)
  const files = { html: templates.digest.htmlFor(input.publication), text: templates.digest.text }
  requireBalancedConditionals(files.html.file, html)
  for (const field of ['address', 'date', 'reason', 'unsubscribeUrl'] as const) {
    requireShown(files.html, html, READER[field], `reader.${field}`)
    requireShown(files.text, text, READER[field], `reader.${field}`)
  }
  requireLabelled(files.html, html, input.locale)
  requireLabelled(files.text, text, input.locale)
  requireShown(files.html, html, input.test ?? '', 'test')
  requireShown(files.text, text, input.test ?? '', 'test')
}

function checkConfirmation(templates: Templates, publication: Publication, locale: Locale, count: number): void {
  const { zone, imprint } = publication
  const names = Array.from({ length: count }, (_, index) => `CheckName${index}`)
  const view = composeConfirmation({
    kind: count === 1 ? 'confirmation' : 'reminder',
    locale,
    branding: publication,
    asked: names.map((name) => ({ name, imprint, frequency: 'weekly', weekday: 1, hour: 7, zone })),
    address: 'CheckAddress',
    confirmUrl: 'https://example.org/CheckConfirm',
  })
  const { html, text } = renderConfirmation(templates, view)
  const files = { html: templates.confirmation.htmlFor(publication), text: templates.confirmation.text }
  requireBalancedConditionals(files.html.file, html)
  for (const value of ['CheckConfirm', ...names]) {
    const variable = value === 'CheckConfirm' ? 'confirmUrl' : 'one.name'
    requireShown(files.html, html, value, variable)
    requireShown(files.text, text, value, variable)
  }
}

function requireShown({ file }: ParsedTemplate, rendered: string, value: string, variable: string): void {
  if (!rendered.includes(value)) throw invalidTemplate(file, null, `It does not show {{ ${variable} }}.`)
}

/** An ad must say that it is one; a template may do without ads. */
function requireLabelled(parsed: ParsedTemplate, rendered: string, locale: Locale): void {
  if (!rendered.includes(AD.title)) return
  requireShown(parsed, rendered.toLocaleLowerCase(), phrase(locale, 'digest.ad').toLocaleLowerCase(), 'words.ad')
}

function minimalInput(publication: Publication, locale: Locale): DigestInput {
  const article: DigestArticle = { ...ARTICLE, summary: null, image: null, publishedAt: null, topics: [], alsoAt: [] }
  return { ...LINKS, publication: { ...publication, logo: null }, locale, articles: [article], intro: null }
}

function fullInput(publication: Publication, locale: Locale): DigestInput {
  const count = publication.maxArticles + 70
  const articles = Array.from({ length: count }, (_, index) => ({
    ...ARTICLE,
    entryId: count - index,
    topics: index % 4 === 0 ? [] : [`Topic ${index % 3}`],
    image: index % 2 === 0 ? ARTICLE.image : null,
    summary: index % 3 === 0 ? null : ARTICLE.summary,
    url: index % 5 === 4 ? 'about:blank' : ARTICLE.url,
  }))
  const intro = 'First line\nSecond line'
  return {
    ...LINKS,
    publication: { ...publication, logo: LOGO },
    locale,
    articles,
    intro,
    test: 'CheckTest',
    ads: [AD],
  }
}

const LINKS = { at: AT, browserUrl: 'https://example.org/edition', moreUrl: 'https://example.org/edition' }

const PICTURE = { url: 'https://example.org/picture.jpg', alt: 'A picture' }

const LOGO: Logo = {
  url: 'https://example.org/logo.png',
  darkUrl: 'https://example.org/logo-dark.png',
  alt: 'A logo',
  width: 160,
  height: 40,
  place: 'beside',
}

const AD: Ad = {
  title: 'CheckAdTitle',
  text: 'Its text',
  url: 'https://example.org/ad',
  advertiser: 'Someone',
  image: PICTURE,
}

const ARTICLE: DigestArticle = {
  entryId: 1,
  url: 'https://example.org/article',
  title: 'A headline',
  summary: 'A summary.',
  author: 'An author',
  image: PICTURE,
  publishedAt: AT.subtract({ hours: 1 }),
  language: 'fr',
  topics: [],
  source: 'A source',
  readingMinutes: 4,
  alsoAt: [{ source: 'Another source', url: 'https://example.com/article' }],
}

/** Publications the templates were found right for; kept as long as these templates. */
const FOUND_RIGHT = new WeakMap<Templates, Set<string>>()

/**
 * `checkTemplates`, which takes 25 ms or more, once for each publication as it is now. Templates never change once they are
 * read: whoever reads changed files has others, and these are checked anew. What is wrong is never remembered.
 */
export function checkTemplatesOnce(templates: Templates, publication: Publication): void {
  const known = FOUND_RIGHT.get(templates) ?? new Set()
  const key = JSON.stringify(publication)
  if (known.has(key)) return
  checkTemplates(templates, publication)
  FOUND_RIGHT.set(templates, known.add(key))
}
