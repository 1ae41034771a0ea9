import sanitizeHtml from 'sanitize-html'
import { limitDepth } from '../../text/limit-depth.ts'
import { expandEntities } from './entities.ts'
import { closeFields, repairAny, repairAtom, repairRdf, repairRss, STRAY_BRACKETS } from './repair.ts'

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
  const body = repairAny(expandEntities(root.input, text.slice(0, text.length - root.input.length)))
  switch (root[2]?.toLowerCase()) {
    case 'rss':
      return { format: 'rss', text: repairRss(withoutNamespace(body, root[1] ?? null)) }
    case 'rdf':
      return { format: 'rdf', text: repairRdf(body) }
    case 'channel':
      return { format: 'rss', text: repairRss(`<rss version="2.0">${body}</rss>`) }
    case 'entry':
      return { format: 'atom', text: `<feed xmlns="http://www.w3.org/2005/Atom">${repairAtom(body)}</feed>` }
    default:
      return { format: 'atom', text: repairAtom(body) }
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

/**
 * Writes broken XML anew so that a strict parser takes it: open elements are closed, stray “<” and “&” escaped.
 * The lenient parser is the one that sanitize-html stands on; here it lets every element and attribute pass.
 * Throws on elements nested too deep.
 */
export function mendXml(text: string): string {
  // Each stray “<” costs as much as an element.
  const usual = closeFields(text.replace(STRAY_BRACKETS, '<'))
  return sanitizeHtml(usual, {
    allowedTags: false,
    allowedAttributes: false,
    allowVulnerableTags: true,
    allowedSchemesByTag: {},
    allowedSchemesAppliedToAttributes: [],
    ...limitDepth(),
    transformTags: { '*': withSoundNames },
    nonTextTags: [],
    selfClosing: [],
    parseStyleAttributes: false,
    enforceHtmlBoundary: false,
    disallowedTagsMode: 'escape',
    parser: { xmlMode: true, decodeEntities: true, lowerCaseTags: false, lowerCaseAttributeNames: false },
  })
}

/** Where a quote is missing, text is taken for names, and quotes and brackets in these would break the new document too. */
function withSoundNames(tagName: string, attribs: sanitizeHtml.Attributes): sanitizeHtml.Tag {
  const named = Object.entries(attribs).filter(([name]) => /^[\w:.-]+$/.test(name))
  return { tagName: tagName.replace(/[^\w:.-]/g, '_'), attribs: Object.fromEntries(named) }
}
