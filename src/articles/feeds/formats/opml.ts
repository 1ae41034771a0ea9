import { type Opml, parseOpml } from 'feedsmith'
import { CourantError } from '../../../errors.ts'
import { decodeText } from '../charset.ts'
import { mendXml } from './xml.ts'

/** A feed as a list names it. */
export type OpmlFeed = { readonly url: string; readonly title: string | null }

/**
 * Reads the feeds of an OPML file in its order, with what it names twice. Outlines are folders and feeds alike: those in
 * folders of any depth are read, and those that are not where they should be, as in a list without a body.
 * http://opml.org/spec2.opml
 *
 * @throws CourantError `opml.invalid`.
 */
export function readOpml(body: Buffer): OpmlFeed[] {
  const feeds = readOutlines(decodeText(body, null)).flatMap((outline) => {
    const url = outline.xmlUrl ?? (FEED_TYPE.test(outline.type ?? '') ? outline.url : undefined)
    const title = outline.title ?? outline.text
    return url === undefined
      ? []
      : [{ url: cleanUrl(url), title: title === undefined ? null : unescapeAmpersands(title) }]
  })
  if (feeds.length === 0) throw invalidError()
  return feeds
}

/** What a list may call a feed whose address it gives as `url`. */
const FEED_TYPE = /^(rss|atom|rdf|feed)/i

/** All outlines of a document in its order, those in outlines behind the one they are in. */
function readOutlines(text: string): readonly Opml.Outline<string>[] {
  try {
    return parseOpml(`<opml version="2.0"><body>${outlineTags(text)}</body></opml>`).body?.outlines ?? []
  } catch (cause) {
    throw invalidError(cause)
  }
}

/** The outlines of a document as elements without content: programs and hands break what is around them in every way. */
function outlineTags(text: string): string {
  // Closed before the next one begins, outlines that are never closed are not nested too deep.
  const flat = text.replace(/<((?:[\w.-]{1,30}:)?outline)(?=[\s/>])/gi, '</$1><$1')
  const tags = mendXml(flat).matchAll(/<(?:[\w.-]+:)?outline(\s[^<>]*?)?\/?>/gi)
  return Array.from(tags, ([, attributes = '']) => `<outline${attributes}/>`).join('')
}

function invalidError(cause?: unknown): CourantError {
  return new CourantError('opml.invalid', {
    what: 'Not a valid OPML file.',
    why: 'It has no outline with the address of a feed.',
    todo: 'Export the list of feeds as OPML from the program they are in.',
    cause,
  })
}

/** An address as it is meant: not escaped once too often, not in a tag, and without what nobody sees. */
function cleanUrl(text: string): string {
  const url = unescapeAmpersands(text.replace(/\p{Cf}/gu, '').trim())
  return /^<[^<>]*>$/.test(url) ? url.slice(1, -1).trim() : url
}

function unescapeAmpersands(text: string): string {
  const once = text.replace(/&(?:amp|#38|#x26);/gi, '&')
  return once === text ? text : unescapeAmpersands(once)
}
