import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Temporal } from '../../clock.ts'
import { type PageServer, servePages } from '../serve-pages.ts'
import { type DemoArticle, readArticles } from './demo-articles.ts'
import { findPressPage } from './press.ts'
import { DEMO_PUBLICATIONS } from './publication.ts'
import { articleUrl, type DemoPress, feedUrl, type PublishedArticle } from './write-feeds.ts'

/** The demo's newspapers, as they are being served on 127.0.0.1. */
export type Publications = PageServer & {
  readonly feeds: readonly DemoFeed[]
  /** Puts the next article held back (of one publication, where `slug` is given) into its feed; null: none is left. */
  readonly publish: (now: Temporal.Instant, slug?: string) => NewArticle | null
}

type DemoFeed = {
  readonly slug: string
  readonly title: string
  readonly url: string
  readonly language: string
}

type NewArticle = { readonly feed: string; readonly title: string; readonly url: string }

type PublicationsOptions = {
  /** A free one by default. */
  readonly port?: number
  /** The demo's start: articles are so many minutes older. */
  readonly now: Temporal.Instant
  /** What links begin with, without a slash at the end; by default the server's own address. */
  readonly baseUrl?: string
}

/**
 * Serves the demo's newspapers: feeds with conditional GET, article pages, pictures.
 *
 * @throws CourantError `demo.port`, when the port is taken.
 */
export async function startPublications({ port = 0, now, baseUrl }: PublicationsOptions): Promise<Publications> {
  const [articles, pictures] = await Promise.all([readArticles(), readPictures()])
  const held = articles.filter(({ appears }) => appears.kind === 'held').sort((a, b) => orderOf(a) - orderOf(b))
  let published = articles.flatMap((article) => publishedAtStart(article, now)).sort(newestFirst)
  const served = await servePages(port, (url) => {
    return findPressPage({ base: baseUrl ?? url.origin, pictures }, published, url.pathname, now)
  })
  const press: DemoPress = { base: baseUrl ?? served.url, pictures }
  return {
    ...served,
    feeds: DEMO_PUBLICATIONS.map((of) => ({
      slug: of.slug,
      title: of.title,
      language: of.language,
      url: feedUrl(press, of),
    })),
    publish: (publishedAt, slug) => {
      const index = held.findIndex(({ publication }) => slug === undefined || publication.slug === slug)
      const article = index === -1 ? undefined : held.splice(index, 1)[0]
      if (article === undefined) return null
      published = [...published, { ...article, publishedAt }].sort(newestFirst)
      return { feed: feedUrl(press, article.publication), title: article.title, url: articleUrl(press, article) }
    },
  }
}

const PICTURES = join(import.meta.dirname, '..', 'content', 'pictures')

async function readPictures(): Promise<ReadonlyMap<string, Buffer>> {
  const names = (await readdir(PICTURES)).filter((name) => name.endsWith('.png'))
  const read = names.map(async (name) => [name.slice(0, -'.png'.length), await readFile(join(PICTURES, name))] as const)
  return new Map(await Promise.all(read))
}

function publishedAtStart(article: DemoArticle, now: Temporal.Instant): PublishedArticle[] {
  if (article.appears.kind === 'held') return []
  return [{ ...article, publishedAt: now.subtract({ minutes: article.appears.minutesAgo }) }]
}

function orderOf({ appears }: DemoArticle): number {
  return appears.kind === 'held' ? appears.order : 0
}

function newestFirst(a: PublishedArticle, b: PublishedArticle): number {
  return Temporal.Instant.compare(b.publishedAt, a.publishedAt)
}
