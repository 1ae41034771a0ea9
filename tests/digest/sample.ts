import { Temporal } from '../../src/clock.ts'
import type { DigestArticle, DigestInput, Publication } from '../../src/digest/compose/compose.ts'
import type { ReaderFields } from '../../src/digest/compose/reader-fields.ts'

/** A Monday, 7:00 in Berlin. */
export const AT = Temporal.Instant.from('2026-11-23T06:00:00Z')

export const READER: ReaderFields = {
  name: 'slot0name',
  address: 'slot1address',
  date: 'slot2date',
  reason: 'slot3reason',
  unsubscribeUrl: 'slot4unsubscribe',
}

export const PUBLICATION: Publication = {
  slug: 'welt',
  name: 'Welt & Technik',
  locale: 'de',
  zone: 'Europe/Berlin',
  imprint: 'Verlag Beispiel GmbH\nMusterstraße 1, 10115 Berlin',
  accent: '#b3261e',
  headlineColour: null,
  headlineFont: 'serif',
  logo: null,
  maxArticles: 12,
}

/** Article number `id`; what is not said is there and plain. */
export function article(id: number, facts: Partial<DigestArticle> = {}): DigestArticle {
  return {
    entryId: id,
    url: `https://example.org/${id}`,
    title: `Schlagzeile ${id}`,
    summary: `Zusammenfassung ${id}.`,
    author: null,
    image: null,
    publishedAt: AT.subtract({ minutes: 20 }),
    language: 'de',
    topics: [],
    source: 'Tagesblatt',
    readingMinutes: null,
    alsoAt: [],
    ...facts,
  }
}

/** `count` articles, newest first: the newest has the highest id. */
export function articles(count: number, facts: Partial<DigestArticle> = {}): DigestArticle[] {
  return Array.from({ length: count }, (_, index) => article(count - index, facts))
}

export function input(given: readonly DigestArticle[], facts: Partial<DigestInput> = {}): DigestInput {
  return {
    publication: PUBLICATION,
    locale: 'de',
    articles: given,
    at: AT,
    intro: null,
    browserUrl: 'https://news.example.org/archive/welt/x1',
    moreUrl: 'https://news.example.org/archive/welt/x1',
    ...facts,
  }
}
