import sanitizeHtml from 'sanitize-html'
import { limitDepth } from '../text/limit-depth.ts'
import { webUrl } from '../text/links.ts'

/** What feeds are served as. Not application/json: under that name WordPress links its own interface. */
const FEED_TYPES = /^(application\/((rss|atom|rdf)(\+xml)?|feed\+json|xml|x\.atom\+xml|x-rss\+xml)|text\/(rss|xml))$/i
/** Feeds of replies, and of sound and pictures, beside the main one. */
const BESIDE = /comments?\b|kommentar|commentaire|comentario|replies|podcast|video/i
/** A page says what it links in its head. */
const LONGEST_READ = 500_000
const MOST_LINKS = 100

/**
 * The feeds an HTML page links (`<link rel="alternate" type="…">`), absolute, each once: in the order of the page, which
 * names its main one first, but those of comments, podcasts and videos last. Relative to the page's `<base>`, else to `url`.
 */
export function linkedFeeds(html: string, url: string): string[] {
  const tags = readTags(html.slice(0, LONGEST_READ))
  const base = webUrl(tags.find(({ name }) => name === 'base')?.attributes.href, url) ?? url
  const feeds = tags.filter(isFeedLink).flatMap(({ attributes }) => {
    const href = webUrl(attributes.href, base)
    return href === null ? [] : [{ href, isBeside: BESIDE.test(`${attributes.title ?? ''} ${href}`) }]
  })
  const ordered = [...feeds.filter(({ isBeside }) => !isBeside), ...feeds.filter(({ isBeside }) => isBeside)]
  return [...new Set(ordered.map(({ href }) => href))].slice(0, MOST_LINKS)
}

type Tag = { readonly name: string; readonly attributes: Readonly<Record<string, string>> }

function isFeedLink({ name, attributes }: Tag): boolean {
  if (name !== 'link') return false
  const relations = (attributes.rel ?? '').toLowerCase().split(/\s+/)
  const type = (attributes.type ?? '').split(';')[0]?.trim() ?? ''
  return relations.includes('feed') || (relations.includes('alternate') && FEED_TYPES.test(type))
}

/** The `<link>` and `<base>` tags, by the parser sanitize-html stands on: none out of comments or scripts. */
function readTags(html: string): Tag[] {
  const tags: Tag[] = []
  const { onOpenTag, onCloseTag } = limitDepth()
  try {
    sanitizeHtml(html, {
      allowedTags: [],
      onOpenTag: (name, attributes) => {
        if (name === 'link' || name === 'base') tags.push({ name, attributes })
        onOpenTag?.(name, attributes)
      },
      onCloseTag,
    })
  } catch (error) {
    // Nested too deep to be meant: what was found before stands.
    if (!(error instanceof RangeError)) throw error
  }
  return tags
}
