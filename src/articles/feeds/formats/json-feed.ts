import type { JsonFeed } from 'feedsmith'
import { attachedImages, toImage } from '../../images/media-images.ts'
import { present, type RawFeed, type RawItem, type Words } from '../../raw-feed.ts'

type JsonItem = JsonFeed.Item<string>

/** Reads JSON Feed 1.0 and 1.1: https://www.jsonfeed.org/version/1.1/ */
export function readJson(feed: JsonFeed.Feed<string>): RawFeed {
  const bases = [feed.home_page_url ?? null, feed.feed_url ?? null]
  const inherited = present(...(feed.authors ?? []).map(({ name }) => name))
  return {
    title: plain(feed.title),
    link: feed.home_page_url ?? null,
    language: feed.language ?? null,
    ttl: null,
    items: (feed.items ?? []).map((item) => readItem(item, bases, inherited)),
  }
}

function readItem(item: JsonItem, bases: readonly (string | null)[], inherited: string[]): RawItem {
  const content = html(item.content_html) ?? plain(item.content_text)
  const names = present(...(item.authors ?? []).map(({ name }) => name))
  const attachments = (item.attachments ?? []).map(({ url, mime_type }) => ({ url, type: mime_type }))
  return {
    id: item.id ?? null,
    links: present(item.url, item.external_url, /^https?:\/\//i.test(item.id ?? '') ? item.id : null),
    title: plain(item.title),
    summary: plain(item.summary),
    content,
    authors: names.length > 0 ? names : inherited,
    dates: present(item.date_published, item.date_modified),
    topics: present(...(item.tags ?? [])),
    images: [toImage(item.image), toImage(item.banner_image), ...attachedImages(attachments)].filter(
      (image) => image !== null,
    ),
    bases,
    contentBase: null,
  }
}

/** Titles and summaries are plain text by the specification; entities and tags in them are a generator's mistake. */
function plain(text: string | undefined): Words | null {
  return text === undefined ? null : { text, html: /&(#\d+|#x[0-9a-f]+|[a-z]+\d?);|<\/\w+>/i.test(text) }
}

function html(text: string | undefined): Words | null {
  return text === undefined ? null : { text, html: true }
}
