import type { Temporal } from '../../clock.ts'
import { linkable, plainLine, plainLines } from '../../locale/clean-line.ts'
import { type Locale, phrase } from '../../locale/locale.ts'
import { cutAtWord } from '../../locale/shorten.ts'
import type { Branding } from '../../newsletters/branding/branding.ts'
import { composeLogo, type Logo, type ShownLogo } from '../../newsletters/branding/logo.ts'
import { type Ad, type AdSlot, composeAdSlots } from './ads.ts'
import {
  composeEntry,
  composeHeadline,
  type DigestArticle,
  type Entry,
  type EntryContext,
  type Headline,
} from './entry-view.ts'
import { composePreheader, composeSubject } from './subject.ts'

export type { DigestArticle } from './entry-view.ts'

/** What of a newsletter its digest shows. */
export type Publication = Branding & {
  readonly slug: string
  readonly name: string
  readonly locale: Locale
  /** IANA zone of the article times. */
  readonly zone: string
  /** Plain text, several lines. */
  readonly imprint: string
  readonly maxArticles: number
  readonly logo: Logo | null
}

/** Everything a digest is made of; `fullEntries` and `maxHeadlines` make it smaller than the newsletter allows. */
export type DigestInput = {
  readonly publication: Publication
  readonly locale: Locale
  /** Newest first, in selection order. */
  readonly articles: readonly DigestArticle[]
  /** The edition's instant. */
  readonly at: Temporal.Instant
  readonly intro: string | null
  readonly browserUrl: string
  /** The page that lists all articles of the variant. */
  readonly moreUrl: string
  /** One sentence or two that say that the mail is a test, and of what; null or left out for a real one. */
  readonly test?: string | null
  /** What fills the ad slots, in order; left out for none. */
  readonly ads?: readonly Ad[]
  readonly fullEntries?: number
  readonly maxHeadlines?: number
}

/** Full entries under one topic; `name` is null for those without, `level` is their headlines' (h2 or h3). */
type Section = { readonly name: string | null; readonly level: 2 | 3; readonly entries: readonly Entry[] }

/** The view model a mail template sees: clean plain text only, nothing to compute; `input` is what it was made from. */
export type DigestView = {
  readonly input: DigestInput
  readonly locale: Locale
  readonly branding: Branding
  readonly newsletter: { readonly slug: string; readonly name: string; readonly logo: ShownLogo | null }
  readonly subject: string
  readonly preheader: string
  readonly test: string | null
  readonly intro: readonly string[]
  readonly lead: Entry | null
  readonly sections: readonly Section[]
  /** The filled ad slots, between the sections and the briefs. */
  readonly adSlots: readonly AdSlot[]
  readonly briefs: readonly Headline[]
  readonly more: { readonly count: number; readonly url: string | null; readonly label: string } | null
  readonly browserUrl: string | null
  readonly imprint: readonly string[]
  readonly words: Readonly<
    Record<'ad' | 'alsoAt' | 'briefs' | 'browser' | 'imprint' | 'sentTo' | 'times' | 'unsubscribe', string>
  >
  /** Entries shown in full. */
  readonly full: number
}

const MAX_HEADLINES = 60
const MAX_TOPIC = 48

/**
 * Lays out the articles of a variant: the first `maxArticles` in full (lead first, then by topic), up to 60 as headlines,
 * the rest as a number that links to the page of all. Each article stands exactly once.
 */
export function composeDigest(input: DigestInput): DigestView {
  const { publication, locale, articles, at } = input
  const setting: EntryContext = { locale, zone: publication.zone, at }
  const full = Math.max(
    0,
    Math.min(publication.maxArticles, input.fullEntries ?? Number.POSITIVE_INFINITY, articles.length),
  )
  const headlines = Math.min(articles.length - full, MAX_HEADLINES, input.maxHeadlines ?? MAX_HEADLINES)
  const lead = chooseLead(articles.slice(0, full))
  const leadEntry = lead ? composeEntry(lead, setting) : null
  const sections = sectionsOf(
    articles.slice(0, full).filter((article) => article !== lead),
    setting,
  )
  const briefs = articles.slice(full, full + headlines).map((article) => composeHeadline(article, setting))
  const name = plainLine(publication.name)
  const shown = [leadEntry, ...sections.flatMap((section) => section.entries), ...briefs].filter(
    (entry) => entry !== null,
  )
  const subject = composeSubject(shown[0]?.title ?? null, name, locale)
  const test = plainLine(input.test ?? '') || null
  return {
    input,
    locale,
    branding: brandingOf(publication),
    newsletter: { slug: publication.slug, name, logo: composeLogo(publication.logo, name) },
    subject: test === null ? subject : phrase(locale, 'test.subject', { subject }),
    preheader: composePreheader(shown[1]?.title ?? leadEntry?.summary ?? null, locale),
    test,
    intro: plainLines(input.intro ?? ''),
    lead: leadEntry,
    sections,
    adSlots: composeAdSlots(input.ads ?? [], locale),
    briefs,
    more: moreOf(articles.length - full - headlines, input),
    browserUrl: linkable(input.browserUrl),
    imprint: plainLines(publication.imprint),
    words: wordsOf(locale, publication.zone),
    full,
  }
}

/** The newest article with a picture, else the newest. */
function chooseLead(articles: readonly DigestArticle[]): DigestArticle | undefined {
  return articles.find((article) => article.image && linkable(article.image.url)) ?? articles[0]
}

/** Articles under their first topic, topics in order of their newest article; those without a topic come first. */
function sectionsOf(articles: readonly DigestArticle[], setting: EntryContext): Section[] {
  const byTopic = new Map<string, { name: string | null; articles: DigestArticle[] }>([
    ['', { name: null, articles: [] }],
  ])
  for (const article of articles) {
    const name = topicOf(article, setting.locale)
    const key = name.toLocaleLowerCase(setting.locale)
    const group = byTopic.get(key) ?? { name, articles: [] }
    group.articles.push(article)
    byTopic.set(key, group)
  }
  return [...byTopic.values()]
    .filter((group) => group.articles.length > 0)
    .map((group) => ({
      name: group.name,
      level: group.name === null ? 2 : 3,
      entries: group.articles.map((article) => composeEntry(article, setting)),
    }))
}

function topicOf(article: DigestArticle, locale: Locale): string {
  const names = article.topics.map(plainLine)
  return cutAtWord(names.find((name) => name !== '') ?? '', MAX_TOPIC, locale)
}

function brandingOf({ accent, headlineColour, headlineFont }: Publication): Branding {
  return { accent, headlineColour, headlineFont }
}

function moreOf(count: number, { locale, moreUrl }: DigestInput): DigestView['more'] {
  return count > 0 ? { count, url: linkable(moreUrl), label: phrase(locale, 'digest.more', { count }) } : null
}

function wordsOf(locale: Locale, zone: string): DigestView['words'] {
  return {
    ad: phrase(locale, 'digest.ad'),
    alsoAt: phrase(locale, 'digest.alsoAt'),
    briefs: phrase(locale, 'digest.briefs'),
    browser: phrase(locale, 'digest.browser'),
    imprint: phrase(locale, 'digest.imprint'),
    sentTo: phrase(locale, 'digest.sentTo'),
    times: phrase(locale, 'digest.times', { zone }),
    unsubscribe: phrase(locale, 'digest.unsubscribe'),
  }
}
