import {
  type AtomFeed,
  generateAtomFeed,
  generateJsonFeed,
  generateRssFeed,
  type MediaNs,
  type RssFeed,
} from 'feedsmith'
import type { Temporal } from '../../clock.ts'
import type { DemoArticle } from './demo-articles.ts'
import type { DemoPublication } from './publication.ts'

/** What feeds and pages are made from: the address links begin with, and the PNGs by name. */
export type DemoPress = { readonly base: string; readonly pictures: ReadonlyMap<string, Buffer> }

/** An article that is out. */
export type PublishedArticle = DemoArticle & { readonly publishedAt: Temporal.Instant }

/** A feed as it is served. */
type FeedDocument = { readonly type: string; readonly body: string }

/** Writes a publication's feed (RSS 2.0, RFC 4287 or JSON Feed 1.1); `articles` newest first, at least one. */
export function writeFeed(press: DemoPress, of: DemoPublication, articles: readonly PublishedArticle[]): FeedDocument {
  switch (of.feed.format) {
    case 'rss':
      return { type: 'application/rss+xml; charset=utf-8', body: writeRss(press, of, articles) }
    case 'atom':
      return { type: 'application/atom+xml; charset=utf-8', body: writeAtom(press, of, articles) }
    case 'json':
      return { type: 'application/feed+json; charset=utf-8', body: writeJson(press, of, articles) }
  }
}

export function frontUrl({ base }: DemoPress, of: DemoPublication): string {
  return `${base}/${of.slug}`
}

export function feedUrl({ base }: DemoPress, of: DemoPublication): string {
  return `${base}/${of.slug}/${of.feed.file}`
}

export function articleUrl({ base }: DemoPress, { publication, slug }: DemoArticle): string {
  return `${base}/${publication.slug}/${slug}`
}

export function pictureUrl({ base }: DemoPress, name: string): string {
  return `${base}/pictures/${name}.png`
}

function writeRss(press: DemoPress, of: DemoPublication, articles: readonly PublishedArticle[]): string {
  return generateRssFeed({
    title: of.title,
    link: frontUrl(press, of),
    description: of.tagline,
    language: of.language,
    lastBuildDate: toDate(articles[0]!.publishedAt),
    ttl: 5,
    atom: { links: [{ href: feedUrl(press, of), rel: 'self', type: 'application/rss+xml' }] },
    items: articles.map((article) => ({
      title: article.title,
      link: articleUrl(press, article),
      description: article.summary,
      content: { encoded: article.bodyHtml },
      dc: { creators: [article.author] },
      categories: article.topics.map((name) => ({ name })),
      guid: { value: idOf(article), isPermaLink: false },
      pubDate: toDate(article.publishedAt),
      enclosures: enclosuresOf(press, article),
      media: mediaOf(press, article),
    })),
  })
}

function writeAtom(press: DemoPress, of: DemoPublication, articles: readonly PublishedArticle[]): string {
  return generateAtomFeed({
    xml: { lang: of.language },
    id: `tag:courant.example,2026:${of.slug}`,
    title: { value: of.title },
    subtitle: { value: of.tagline },
    updated: toDate(articles[0]!.publishedAt),
    links: [
      { href: frontUrl(press, of), rel: 'alternate', type: 'text/html' },
      { href: feedUrl(press, of), rel: 'self', type: 'application/atom+xml' },
    ],
    entries: articles.map((article) => ({
      id: idOf(article),
      title: { value: article.title },
      summary: { value: article.summary },
      content: { value: article.bodyHtml, type: 'html' },
      authors: [{ name: article.author }],
      categories: article.topics.map((term) => ({ term })),
      published: toDate(article.publishedAt),
      updated: toDate(article.publishedAt),
      links: [
        { href: articleUrl(press, article), rel: 'alternate', type: 'text/html' },
        ...enclosuresOf(press, article).map(toLink),
      ],
      media: mediaOf(press, article),
    })),
  })
}

function writeJson(press: DemoPress, of: DemoPublication, articles: readonly PublishedArticle[]): string {
  const document = generateJsonFeed({
    title: of.title,
    home_page_url: frontUrl(press, of),
    feed_url: feedUrl(press, of),
    description: of.tagline,
    language: of.language,
    items: articles.map((article) => ({
      id: idOf(article),
      url: articleUrl(press, article),
      title: article.title,
      summary: article.summary,
      content_html: article.bodyHtml,
      authors: [{ name: article.author }],
      tags: [...article.topics],
      date_published: toDate(article.publishedAt),
      image: article.picture === null ? undefined : pictureUrl(press, article.picture.name),
    })),
  })
  return JSON.stringify(document, null, 2)
}

const PNG = 'image/png'

/** Stays the same from run to run, whatever the port (RFC 4151). */
function idOf(article: DemoArticle): string {
  return `tag:courant.example,2026:${article.publication.slug}/${article.slug}`
}

function enclosuresOf(press: DemoPress, { picture }: DemoArticle): RssFeed.Enclosure[] {
  if (picture === null) return []
  const length = press.pictures.get(picture.name)?.length ?? 0
  return [{ url: pictureUrl(press, picture.name), length, type: PNG }]
}

function toLink({ url, length, type }: RssFeed.Enclosure): AtomFeed.Link<Date> {
  return { href: url ?? '', rel: 'enclosure', type, length }
}

function mediaOf(press: DemoPress, { picture }: DemoArticle): MediaNs.ItemOrFeed | undefined {
  if (picture === null) return undefined
  const url = pictureUrl(press, picture.name)
  // As title too: some collectors look for the alternative text there.
  const alt = { value: picture.alt, type: 'plain' }
  return { contents: [{ url, type: PNG, medium: 'image', width: 800, height: 450, title: alt, description: alt }] }
}

function toDate(instant: Temporal.Instant): Date {
  return new Date(instant.epochMilliseconds)
}
