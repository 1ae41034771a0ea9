import sanitizeHtml from 'sanitize-html'

/** A document cut down to its root element, and which format that root says it is. */
export type XmlDocument = { readonly format: 'rss' | 'rdf' | 'atom'; readonly text: string }

const PROLOG = /^(?:\s+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!doctype[^[>]*(?:\[[\s\S]*?\]\s*)?>)+/i
const ROOT = /^<(?:[\w.-]+:)?(rss|rdf|feed|channel|entry)(?=[\s>/])/i
const ROOT_ANYWHERE = /<(?:[\w.-]+:)?(?:rss|rdf|feed)(?=[\s>])[\s\S]*/i

/**
 * Finds the feed in a text: the root behind prolog, comments and document type, or behind the warnings a broken
 * server printed first. Null when there is none. A channel or an entry alone is given the root it lacks.
 */
export function findXml(text: string): XmlDocument | null {
  const start = text.slice(text.search(/</)).replace(PROLOG, '')
  const root = ROOT.exec(start) ?? (/^<(!doctype\s+)?html/i.test(start) ? null : anywhere(start))
  if (root === null) return null
  const body = prepare(root.input)
  switch (root[1]?.toLowerCase()) {
    case 'rss':
      return { format: 'rss', text: body }
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

function anywhere(text: string): RegExpExecArray | null {
  const found = ROOT_ANYWHERE.exec(text)
  return found === null ? null : ROOT.exec(found[0])
}

/** Settles what feedsmith 3.0 does not know: a wrong name, Atom 0.3's base64, and items it would drop as empty. */
function prepare(text: string): string {
  return text
    .replace(/(<\/?dc:)author\b/gi, '$1creator')
    .replace(/<([\w:]+)(\s[^>]*\bmode\s*=\s*["']base64["'][^>]*)>([^<]*)<\/\1>/gi, decodeBase64)
    .replace(/<(item|entry)(?=[\s>])(?![^>]*\bxml:space)/gi, '<$1 xml:space="default"')
}

function decodeBase64(_: string, name: string, attributes: string, content: string): string {
  const text = Buffer.from(content, 'base64').toString('utf8')
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<${name}${attributes}>${escaped}</${name}>`
}

/**
 * Writes broken XML anew so that a strict parser takes it: open elements are closed, stray “<” and “&” escaped.
 * The lenient parser is the one that sanitize-html stands on; here it lets every element and attribute pass.
 */
export function mendXml(text: string): string {
  return sanitizeHtml(text, {
    allowedTags: false,
    allowedAttributes: false,
    allowVulnerableTags: true,
    allowedSchemesByTag: {},
    allowedSchemesAppliedToAttributes: [],
    nonTextTags: [],
    parseStyleAttributes: false,
    enforceHtmlBoundary: false,
    disallowedTagsMode: 'escape',
    parser: { xmlMode: true, decodeEntities: true, lowerCaseTags: false, lowerCaseAttributeNames: false },
  })
}
