import type { RdfFeed, RssFeed } from 'feedsmith'
import { attachedImages, mediaImages, mediaText, toImage } from '../../images/media-images.ts'
import { asHtml, present, type RawFeed, type RawItem } from '../../raw-feed.ts'
import { alternateLinks } from './atom.ts'

type RssItem = RssFeed.Item<string>
type RdfItem = RdfFeed.Item<string>

/** Reads RSS 0.91 to 2.0. */
export function readRss(feed: RssFeed.Feed<string>): RawFeed {
  const link = present(feed.link, ...alternateLinks(feed.atom?.links))[0] ?? null
  return {
    title: asHtml(feed.title, feed.dc?.titles?.[0], feed.itunes?.title),
    link,
    language: feed.language ?? feed.dc?.languages?.[0] ?? feed.xml?.lang ?? null,
    ttl: feed.ttl ?? null,
    items: (feed.items ?? []).map((item) => readItem(item, [link, feed.xml?.base ?? null])),
  }
}

/** Reads RSS 0.90 and 1.0, which are RDF: the same items with fewer elements of their own. */
export function readRdf(feed: RdfFeed.Feed<string>): RawFeed {
  const link = present(feed.link, ...alternateLinks(feed.atom?.links))[0] ?? null
  const bases = [link, feed.xml?.base ?? null]
  return {
    title: asHtml(feed.title, feed.dc?.titles?.[0]),
    link,
    language: feed.dc?.languages?.[0] ?? feed.xml?.lang ?? null,
    ttl: null,
    items: (feed.items ?? []).map((item) => readItem(fromRdf(item), bases)),
  }
}

function fromRdf({ rdf, ...item }: RdfItem): RssItem {
  return rdf?.about === undefined ? item : { ...item, guid: { value: rdf.about, isPermaLink: false } }
}

function readItem(item: RssItem, bases: readonly (string | null)[]): RawItem {
  const description = present(item.description, item.dc?.descriptions?.[0], item.dcterms?.abstracts?.[0])
  return {
    id: item.guid?.value ?? item.atom?.id ?? item.dc?.identifiers?.[0] ?? null,
    links: present(item.link, permalink(item), ...alternateLinks(item.atom?.links), played(item)),
    title: asHtml(item.title, item.dc?.titles?.[0], mediaText(item.media, 'title'), item.itunes?.title),
    summary: asHtml(
      ...description,
      item.itunes?.summary,
      item.itunes?.subtitle,
      item.atom?.summary?.value,
      mediaText(item.media, 'description'),
    ),
    content: asHtml(item.content?.encoded, item.atom?.content?.value, ...description),
    authors: authorsOf(item),
    dates: present(
      item.pubDate,
      ...(item.dcterms?.issued ?? []),
      ...(item.dc?.dates ?? []),
      ...(item.dcterms?.created ?? []),
      ...(item.dcterms?.dates ?? []),
      item.atom?.published,
      item.atom?.updated,
      ...(item.dcterms?.modified ?? []),
    ),
    topics: present(...(item.categories ?? []).map(({ name }) => name), ...(item.dc?.subjects ?? [])),
    images: [
      ...mediaImages(item.media),
      ...attachedImages(item.enclosures ?? []),
      ...[toImage(item.itunes?.image), toImage(item.googleplay?.image?.href)].filter((image) => image !== null),
    ],
    bases: [...bases, item.xml?.base ?? null],
    contentBase: null,
  }
}

/** A guid is a permanent link unless it says that it is none (RSS 2.0); one that is not said to be has to look like it. */
function permalink({ guid }: RssItem): string | undefined {
  if (guid?.isPermaLink === false) return undefined
  const isLink = guid?.isPermaLink === true || /^(https?:\/\/|www\.)/i.test(guid?.value ?? '')
  return isLink ? guid?.value : undefined
}

/** What is heard or watched, where nothing is to be read. */
function played({ enclosures }: RssItem): string | undefined {
  return enclosures?.find(({ type }) => /^(audio|video)\//.test(type ?? ''))?.url
}

/** The first kind of authorship that is filled; an address only where there is no name. */
function authorsOf(item: RssItem): string[] {
  const kinds = [
    item.authors?.map((person) => person.name ?? person.email),
    item.dc?.creators,
    item.atom?.authors?.map((person) => person.name ?? person.email),
    [item.itunes?.author],
    item.media?.credits?.filter(({ role }) => role === 'author').map(({ value }) => value),
    item.dcterms?.creators,
    item.dc?.contributors,
  ]
  return kinds.map((names) => present(...(names ?? []))).find((names) => names.length > 0) ?? []
}
