import { Temporal } from '../clock.ts'
import { composeDigest, type DigestInput, type Publication } from './compose.ts'
import type { DigestArticle } from './entry.ts'
import { LOCALES, type Locale } from './locale.ts'
import { invalidTemplate } from './markup/liquid.ts'
import { requireBalancedConditionals } from './markup/mjml.ts'
import type { ReaderFields } from './reader.ts'
import { renderDigest } from './render.ts'
import type { Templates } from './template.ts'

const AT = Temporal.Instant.from('2026-11-23T06:00:00Z')
const READER: ReaderFields = {
  name: 'CheckReaderName',
  address: 'CheckReaderAddress',
  date: 'CheckReaderDate',
  reason: 'CheckReaderReason',
  unsubscribeUrl: 'CheckReaderUnsubscribe',
}

/**
 * Renders each locale with a full and with a minimal view, so that nothing is queued that cannot be rendered later; a
 * fault of the templates throws `template.invalid` with file and line.
 */
export function checkTemplates(templates: Templates, publication: Publication): void {
  for (const locale of LOCALES) {
    checkWith(templates, fullInput(publication, locale))
    checkWith(templates, minimalInput(publication, locale))
  }
}

function checkWith(templates: Templates, input: DigestInput): void {
  const { html, text } = renderDigest(templates, composeDigest(input), READER)
  const htmlFile = templates.htmlFor(input.publication).file
  requireBalancedConditionals(htmlFile, html)
  for (const field of ['address', 'date', 'reason', 'unsubscribeUrl'] as const) {
    if (!html.includes(READER[field])) throw invalidTemplate(htmlFile, null, `It does not show {{ reader.${field} }}.`)
    if (!text.includes(READER[field]))
      throw invalidTemplate(templates.text.file, null, `It does not show {{ reader.${field} }}.`)
  }
}

function minimalInput(publication: Publication, locale: Locale): DigestInput {
  const article: DigestArticle = { ...ARTICLE, summary: null, image: null, publishedAt: null, topics: [], alsoAt: [] }
  return { ...LINKS, publication, locale, articles: [article], intro: null }
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
  return { ...LINKS, publication, locale, articles, intro: 'First line\nSecond line' }
}

const LINKS = { at: AT, browserUrl: 'https://example.org/edition', moreUrl: 'https://example.org/edition' }

const ARTICLE: DigestArticle = {
  entryId: 1,
  url: 'https://example.org/article',
  title: 'A headline',
  summary: 'A summary.',
  author: 'An author',
  image: { url: 'https://example.org/picture.jpg', alt: 'A picture' },
  publishedAt: AT.subtract({ hours: 1 }),
  language: 'fr',
  topics: [],
  source: 'A source',
  readingMinutes: 4,
  alsoAt: [{ source: 'Another source', url: 'https://example.com/article' }],
}
