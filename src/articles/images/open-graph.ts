import sanitizeHtml from 'sanitize-html'
import type { RawImage, Words } from '../raw-feed.ts'
import { toImage } from './media-images.ts'

/** Pages say it in their head; what lies further in is a text about such pages. */
const LONGEST_HEAD = 50_000
const MOST_IMAGES = 4

/** The pictures an item's text names as `og:image` (https://ogp.me/#structured), where feeds carry whole pages. */
export function openGraphImages(content: Words | null): RawImage[] {
  const head = content?.html ? content.text.slice(0, LONGEST_HEAD) : ''
  if (!head.includes('og:image')) return []
  const images: { url: string; facts: Map<string, string> }[] = []
  for (const [property, value] of propertiesOf(head)) {
    if (property === 'og:image') images.push({ url: value, facts: new Map() })
    else images.at(-1)?.facts.set(property, value)
  }
  return images.slice(0, MOST_IMAGES).flatMap(({ url, facts }) => {
    const size = { width: numberOf(facts.get('og:image:width')), height: numberOf(facts.get('og:image:height')) }
    return toImage(facts.get('og:image:secure_url') ?? url, facts.get('og:image:alt') ?? null, size) ?? []
  })
}

function propertiesOf(html: string): [string, string][] {
  const found: [string, string][] = []
  const onOpenTag = (name: string, { property, name: other, content }: sanitizeHtml.Attributes) => {
    const key = (property ?? other ?? '').trim().toLowerCase()
    if (name === 'meta' && key.startsWith('og:image') && content) found.push([key, content])
  }
  sanitizeHtml(html, { allowedTags: [], nonTextTags: [], onOpenTag })
  return found
}

const numberOf = (text: string | undefined) =>
  text !== undefined && /^\d{1,5}$/.test(text.trim()) ? Number(text) : undefined
