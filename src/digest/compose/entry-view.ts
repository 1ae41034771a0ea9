import type { Temporal } from '../../clock.ts'
import { bindNumbers, linkable, plainLine } from '../../locale/clean-line.ts'
import { sayPublished } from '../../locale/dates.ts'
import { type Locale, phrase } from '../../locale/locale.ts'
import { cutAtSentence, cutAtWord } from '../../locale/shorten.ts'

/** An article as selected for a variant, newest first; its texts are a stranger's and still to be cleaned. */
export type DigestArticle = {
  readonly entryId: number
  readonly url: string
  readonly title: string
  readonly summary: string | null
  readonly author: string | null
  readonly image: { readonly url: string; readonly alt: string } | null
  readonly publishedAt: Temporal.Instant | null
  readonly language: string | null
  readonly topics: readonly string[]
  readonly source: string
  readonly readingMinutes: number | null
  readonly alsoAt: readonly { readonly source: string; readonly url: string }[]
}

/** A linked source of the same story. */
type AlsoAt = { readonly source: string; readonly url: string | null }

/** An article as a headline: clean plain text, a link only if a reader may follow it. */
export type Headline = {
  readonly entryId: number
  readonly url: string | null
  readonly title: string
  readonly source: string
  /** BCP 47, only where it differs from the digest's. */
  readonly language: string | null
}

/** An article as a full entry; `meta` is its line of small print: `Source · 06:40 · 4 Min.` */
export type Entry = Headline & {
  readonly summary: string | null
  readonly author: string | null
  readonly picture: { readonly url: string; readonly alt: string } | null
  readonly meta: string
  readonly alsoAt: readonly AlsoAt[]
}

/** What saying an article depends on beside the article. */
export type EntryContext = { readonly locale: Locale; readonly zone: string; readonly at: Temporal.Instant }

const MAX_TITLE = 180
const MAX_SUMMARY = 160
const MAX_SOURCE = 60
const MAX_ALSO_AT = 4

/** An article as a headline of the digest. */
export function composeHeadline(article: DigestArticle, { locale }: EntryContext): Headline {
  return {
    entryId: article.entryId,
    url: linkable(article.url),
    title: titleOf(article, locale),
    source: cutAtWord(plainLine(article.source), MAX_SOURCE, locale),
    language: languageOf(article.language, locale),
  }
}

/** An article as a full entry of the digest. */
export function composeEntry(article: DigestArticle, setting: EntryContext): Entry {
  const headline = composeHeadline(article, setting)
  const { locale } = setting
  const summary = bindNumbers(plainLine(article.summary ?? ''))
  const author = plainLine(article.author ?? '')
  return {
    ...headline,
    summary: summary && summary !== headline.title ? cutAtSentence(summary, MAX_SUMMARY, locale) : null,
    author: author ? cutAtWord(author, MAX_SOURCE, locale) : null,
    picture: pictureOf(article, headline.title, locale),
    meta: [closed(headline.source), timeOf(article, setting), readingTimeOf(article, locale)]
      .filter(Boolean)
      .join(' · '),
    alsoAt: article.alsoAt.slice(0, MAX_ALSO_AT).flatMap((other) => {
      const source = cutAtWord(plainLine(other.source), MAX_SOURCE, locale)
      return source ? [{ source, url: linkable(other.url) }] : []
    }),
  }
}

/** A right-to-left name keeps the numbers after it on their side with a mark (UAX #9). */
function closed(source: string): string {
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(source) ? `${source}\u200e` : source
}

function titleOf(article: DigestArticle, locale: Locale): string {
  const title = plainLine(article.title) || plainLine(article.summary ?? '')
  return title ? cutAtWord(bindNumbers(title), MAX_TITLE, locale) : phrase(locale, 'digest.untitled')
}

function pictureOf(article: DigestArticle, title: string, locale: Locale): Entry['picture'] {
  const url = article.image && linkable(article.image.url)
  if (!url) return null
  return { url, alt: cutAtWord(plainLine(article.image?.alt ?? '') || title, MAX_TITLE, locale) }
}

function timeOf(article: DigestArticle, { at, zone, locale }: EntryContext): string | null {
  return article.publishedAt && sayPublished(article.publishedAt, at, zone, locale)
}

function readingTimeOf(article: DigestArticle, locale: Locale): string | null {
  const minutes = Math.round(article.readingMinutes ?? 0)
  return minutes >= 1 ? phrase(locale, 'digest.reading', { minutes }) : null
}

function languageOf(language: string | null, locale: Locale): string | null {
  const tag = language?.trim().toLowerCase() ?? ''
  return /^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$/.test(tag) && tag.split('-')[0] !== locale ? tag : null
}
