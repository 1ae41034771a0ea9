import sanitizeHtml from 'sanitize-html'
import { limitDepth } from '../text/depth.ts'

/** A document cut down to its root element, and which format that root says it is. */
export type XmlDocument = { readonly format: 'rss' | 'rdf' | 'atom'; readonly text: string }

const PROLOG = /^(?:\s+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!doctype[^[>]*(?:\[[\s\S]*?\]\s*)?>)+/i
const ROOT = /^<(?:([\w.-]+):)?(rss|rdf|feed|channel|entry)(?=[\s>/])/i
const ROOT_ANYWHERE = /<(?:[\w.-]+:)?(?:rss|rdf|feed)(?=[\s>])[\s\S]*/i

/**
 * Finds the feed in a text: the root behind prolog, comments and document type, or behind the warnings a broken
 * server printed first. Null when there is none. A channel or an entry alone is given the root it lacks.
 */
export function findXml(text: string): XmlDocument | null {
  const start = withoutProlog(text.slice(text.search(/</)))
  const root = ROOT.exec(start) ?? (/^<(!doctype\s+)?html/i.test(start) ? null : anywhere(start))
  if (root === null) return null
  const body = prepare(root.input)
  switch (root[2]?.toLowerCase()) {
    case 'rss':
      return { format: 'rss', text: repairRss(withoutNamespace(body, root[1] ?? null)) }
    case 'rdf':
      return { format: 'rdf', text: body }
    case 'channel':
      return { format: 'rss', text: `<rss version="2.0">${body}</rss>` }
    case 'entry':
      return { format: 'atom', text: `<feed xmlns="http://www.w3.org/2005/Atom">${body}</feed>` }
    default:
      return { format: 'atom', text: body }
  }
}

/** A text from its root element on: XML declaration, comments and document type cut off. */
export function withoutProlog(text: string): string {
  return text.replace(PROLOG, '')
}

function anywhere(text: string): RegExpExecArray | null {
  const found = ROOT_ANYWHERE.exec(text)
  return found === null ? null : ROOT.exec(found[0])
}

/** RSS 2.0 stands in no namespace; one that a generator gives it all the same would hide its elements. */
function withoutNamespace(text: string, prefix: string | null): string {
  const bare = text.replace(/^(<rss\b[^>]*?)\sxmlns\s*=\s*(?:"[^"]*"|'[^']*')/i, '$1')
  if (prefix === null) return bare
  const mark = new RegExp(`(</?)${RegExp.escape(prefix)}:`, 'gi')
  const isWhole = bare.search(new RegExp(`<${RegExp.escape(prefix)}:channel\\b`, 'i')) >= 0
  const names = /(<\/?)(title|link|description|item|guid|pubdate|author)(?=[\s>/])/gi
  return (isWhole ? bare.replace(names, '$1other:$2') : bare).replace(mark, '$1')
}

/** Settles what RSS is made of in the wild: several channels, links with href, content under names of old, a base of the channel. */
function repairRss(text: string): string {
  const usual = text
    .replace(/<\/channel>\s*<channel\b[^<>]*>/gi, '')
    .replace(/<link(\s[^<>]{0,500}?\bhref\s*=[^<>]{1,2000}?)(?:\/>|>\s*<\/link>)/gi, '<atom:link$1/>')
    .replace(/(<\/?)(?:xhtml:body|body|fullitem)(?=[\s>])/gi, '$1content:encoded')
  return withChannelBase(usual)
}

/** feedsmith reads xml:base of the root and of items, and not of the channel between them. */
function withChannelBase(text: string): string {
  const base = /<channel\b[^<>]{0,500}?\s(xml:base\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))/i.exec(text)?.[1]
  return base === undefined
    ? text
    : text.replace(/^<rss\b(?![^<>]{0,500}\sxml:base)/i, `<rss ${base.replaceAll('$', '$$$$')}`)
}

/**
 * Settles what feedsmith 3.0 does not know: authors of any length (its time is their
 * square), a wrong name, Atom 0.3's base64, and items it would drop as empty.
 * The patterns are bounded, so that a hostile document takes no more than its length.
 */
function prepare(text: string): string {
  return text
    .replace(/(<(?:author|managingeditor|webmaster)\b[^<>]{0,500}>(?:<!\[CDATA\[)?[^<]{500})[^<]+/gi, '$1')
    .replace(/(<\/?dc:)author\b/gi, '$1creator')
    .replace(/<([\w:]{1,50})(\s[^<>]{0,500}\bmode\s*=\s*["']base64["'][^<>]{0,500})>([^<]*)<\/\1>/gi, decodeBase64)
    .replace(/<(item|entry)(?=[\s>])(?![^<>]{0,500}\bxml:space)/gi, '<$1 xml:space="default"')
}

function decodeBase64(_: string, name: string, attributes: string, content: string): string {
  const text = Buffer.from(content, 'base64').toString('utf8')
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<${name}${attributes}>${escaped}</${name}>`
}

/**
 * Writes broken XML anew so that a strict parser takes it: open elements are closed, stray “<” and “&” escaped.
 * The lenient parser is the one that sanitize-html stands on; here it lets every element and attribute pass.
 * Throws on elements nested too deep.
 */
export function mendXml(text: string): string {
  return sanitizeHtml(text, {
    allowedTags: false,
    allowedAttributes: false,
    allowVulnerableTags: true,
    allowedSchemesByTag: {},
    allowedSchemesAppliedToAttributes: [],
    ...limitDepth(),
    nonTextTags: [],
    selfClosing: [],
    parseStyleAttributes: false,
    enforceHtmlBoundary: false,
    disallowedTagsMode: 'escape',
    parser: { xmlMode: true, decodeEntities: true, lowerCaseTags: false, lowerCaseAttributeNames: false },
  })
}
