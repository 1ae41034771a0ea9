import type { Temporal } from '../../clock.ts'
import { renderDemoPage } from '../demo-page.ts'
import type { DemoPage } from '../serve-pages.ts'
import { DEMO_PUBLICATIONS, type DemoPublication } from './publication.ts'
import {
  articleUrl,
  type DemoPress,
  feedUrl,
  frontUrl,
  type PublishedArticle,
  pictureUrl,
  writeFeed,
} from './write-feeds.ts'

/** Finds what the newspapers serve at `path`; `articles` newest first, `startedAt` dates the pictures. */
export function findPressPage(
  press: DemoPress,
  articles: readonly PublishedArticle[],
  path: string,
  startedAt: Temporal.Instant,
): DemoPage | null {
  const [first = '', second, ...rest] = path.slice(1).split('/')
  if (rest.length > 0) return null
  if (first === '' && second === undefined) return htmlPage(writeIndex(press, articles), articles[0]!.publishedAt)
  if (first === 'pictures') return picturePage(press, second ?? '', startedAt)
  const of = DEMO_PUBLICATIONS.find(({ slug }) => slug === first)
  const own = articles.filter(({ publication }) => publication === of)
  if (of === undefined || own.length === 0) return null
  if (second === undefined) return htmlPage(writeFront(press, of, own), own[0]!.publishedAt)
  if (second === of.feed.file) return feedPage(press, of, own)
  const article = own.find(({ slug }) => slug === second)
  return article === undefined ? null : htmlPage(writeArticle(press, article, own), article.publishedAt)
}

function htmlPage(body: string, modifiedAt: Temporal.Instant): DemoPage {
  return { type: 'text/html; charset=utf-8', body, cacheControl: 'no-cache', modifiedAt }
}

function feedPage(press: DemoPress, of: DemoPublication, articles: readonly PublishedArticle[]): DemoPage {
  return { ...writeFeed(press, of, articles), cacheControl: 'no-cache', modifiedAt: articles[0]!.publishedAt }
}

function picturePage({ pictures }: DemoPress, file: string, modifiedAt: Temporal.Instant): DemoPage | null {
  const body = file.endsWith('.png') ? pictures.get(file.slice(0, -'.png'.length)) : undefined
  return body === undefined ? null : { type: 'image/png', body, cacheControl: 'public, max-age=604800', modifiedAt }
}

const ON_INDEX = 4
const BELOW_AN_ARTICLE = 3

function writeIndex(press: DemoPress, articles: readonly PublishedArticle[]): string {
  const publications = DEMO_PUBLICATIONS.map((of) => ({
    ...viewOf(press, of),
    articles: articles
      .filter(({ publication }) => publication === of)
      .slice(0, ON_INDEX)
      .map((one) => briefOf(press, one)),
  }))
  return renderDemoPage('index', { publications })
}

function writeFront(press: DemoPress, of: DemoPublication, articles: readonly PublishedArticle[]): string {
  return renderDemoPage('front', { paper: viewOf(press, of), articles: articles.map((one) => briefOf(press, one)) })
}

function writeArticle(press: DemoPress, article: PublishedArticle, all: readonly PublishedArticle[]): string {
  const others = all.filter(({ slug }) => slug !== article.slug).slice(0, BELOW_AN_ARTICLE)
  return renderDemoPage('article', {
    paper: viewOf(press, article.publication),
    article: { ...briefOf(press, article), author: article.author, bodyHtml: article.bodyHtml },
    others: others.map((one) => briefOf(press, one)),
  })
}

function viewOf(press: DemoPress, of: DemoPublication) {
  const { slug, title, tagline, language, accent } = of
  return {
    slug,
    title,
    tagline,
    language,
    accent,
    words: WORDS[language],
    front: frontUrl(press, of),
    feed: feedUrl(press, of),
  }
}

const WORDS = {
  de: {
    by: 'Von',
    more: 'Weitere Artikel',
    feed: 'Als Feed',
    invented: 'Alles hier ist erfunden: Beispielinhalt zum Ausprobieren.',
  },
  en: {
    by: 'By',
    more: 'More articles',
    feed: 'As a feed',
    invented: 'Everything here is made up: sample content to try things with.',
  },
} as const

function briefOf(press: DemoPress, article: PublishedArticle) {
  const { title, summary, topics, picture, publication, publishedAt } = article
  return {
    title,
    summary,
    topics,
    url: articleUrl(press, article),
    picture: picture === null ? null : { url: pictureUrl(press, picture.name), alt: picture.alt },
    at: publishedAt.toString(),
    time: timeIn(publication, publishedAt),
  }
}

/** „23. November 2026, 06:40 (Europe/Berlin)“ */
function timeIn({ language, timeZone }: DemoPublication, at: Temporal.Instant): string {
  const locale = { de: 'de-DE', en: 'en-GB' }[language]
  const date = at.toLocaleString(locale, { timeZone, dateStyle: 'long' })
  const time = at.toLocaleString(locale, { timeZone, hour: '2-digit', minute: '2-digit' })
  return `${date}, ${time} (${timeZone})`
}
