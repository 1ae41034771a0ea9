/** How the prefix of a namespace may stand before a name. */
const PREFIX = '(?:[\\w.-]{1,30}:)?'
/** Names whose case some generators mix up between the start and the end of an element. */
const NAMES =
  /(<\/?)(rss|channel|item|feed|entry|title|link|guid|pubdate|description|content:encoded|dc:[a-z]{1,20}|author|category|summary|content|published|updated|id)(?=[\s>/])/gi

/** Brackets in a row, in pieces: a match of megabytes exceeds the stack of regular expressions. */
export const STRAY_BRACKETS = /<{9,5000}/g

/**
 * Settles what feedsmith 3.0 does not know, in any format: authors of any length (its time is their square), names in
 * mixed case, a wrong name, Atom 0.3's base64, items it would drop as empty, and brackets in a row (their square again).
 * The patterns of this file are bounded, so that a hostile document takes no more than its length.
 */
export function repairAny(text: string): string {
  return text
    .replace(STRAY_BRACKETS, '<')
    .replace(NAMES, (_, open: string, name: string) => open + name.toLowerCase())
    .replace(/(<(?:author|managingeditor|webmaster)\b[^<>]{0,500}>(?:<!\[CDATA\[)?[^<]{250})[^<]+/gi, '$1')
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
 * Settles what RSS is made of in the wild: links with href, content under names of old, several channels, items beside
 * the channel or in a list, an empty element before the one that counts, a base of the channel.
 */
export function repairRss(text: string): string {
  const usual = text
    .replace(/<link(\s[^<>]{0,500}?\bhref\s*=[^<>]{1,2000}?)(?:\/>|>\s*<\/link>)/gi, '<atom:link$1/>')
    .replace(/(<\/?)(?:xhtml:body|body|fullitem)(?=[\s>])/gi, '$1content:encoded')
    .replace(/<\/?items(?:\s[^<>]{0,500})?>/gi, '')
    .replace(/<(title|link|description|guid|pubdate)(?:\s[^<>]{0,200})?(?:\/>|>\s*<\/\1\s*>)/gi, '')
  return withChannelBase(inOneChannel(repairPictures(usual)))
}

/** feedsmith reads one channel, and the items beside it only where none are in it. */
function inOneChannel(text: string): string {
  const end = text.search(/<\/channel\s{0,500}>/i)
  if (end < 0 || !/<item[\s>]/i.test(text.slice(end))) return text
  const rest = text
    .slice(end)
    .replace(/<\/?channel(?:\s[^<>]{0,500})?>/gi, '')
    .replace(/<\/rss\s*>\s*(?:<\?[^<>]{0,200}\?>\s*)?<rss(?:\s[^<>]{0,2000})?>/gi, '')
  const close = rest.search(/<\/rss\s*>/i)
  return `${text.slice(0, end)}${close < 0 ? rest : rest.slice(0, close)}</channel></rss>`
}

/** feedsmith reads xml:base of the root and of items, and not of the channel between them. */
function withChannelBase(text: string): string {
  const base = /<channel\b[^<>]{0,500}?\s(xml:base\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))/i.exec(text)?.[1]
  return base === undefined
    ? text
    : text.replace(/^<rss\b(?![^<>]{0,500}\sxml:base)/i, `<rss ${base.replaceAll('$', '$$$$')}`)
}

const IN_RDF: Readonly<Record<string, string>> = {
  pubdate: 'dc:date',
  'prism:publicationdate': 'dc:date',
  author: 'dc:creator',
  category: 'dc:subject',
  language: 'dc:language',
}

/**
 * Gives RDF the elements of RSS 2.0 and PRISM under names that feedsmith reads there. The table of contents is hidden:
 * feedsmith would show only what stands in it, in the time of its square.
 */
export function repairRdf(text: string): string {
  return repairPictures(text)
    .replace(new RegExp(`(</?)${PREFIX}seq(?=[\\s>/])`, 'gi'), '$1contents')
    .replace(/(<\/?)(?:rss:)?(pubdate|author|category|language|prism:publicationdate)(?=[\s>/])/gi, (_, open, name) => {
      return open + IN_RDF[String(name).toLowerCase()]
    })
}

/** Gives a link of Atom that is written as in RSS its attribute, and such an author a name. */
export function repairAtom(text: string): string {
  const link = new RegExp(`<(${PREFIX}link)>\\s*(https?:[^<>"\\s]{1,2000})\\s*</\\1\\s*>`, 'gi')
  const author = /<author>([^<>]{1,500})<\/author>/g
  return text.replace(link, '<$1 href="$2"/>').replace(author, (whole, name: string) => {
    return name.trim() === '' ? whole : `<author><name>${name}</name></author>`
  })
}

const IMAGE =
  /<(image|thumbnail|fullimage|thumbimage|storyimage|postimage)>\s{0,99}(?:<url>\s{0,99})?(?:<!\[CDATA\[\s{0,99})?(https?:\/\/[^\s<>"\]]{1,2000})\s{0,99}(?:\]\]>\s{0,99})?(?:<\/url>\s{0,99})?<\/\1>/gi
const ENCLOSURE = /<enc:enclosure(\s(?:[^<>]{0,500}?\s)?)(?:rdf:|enc:)?(?:resource|url)(?=\s*=)/gi

/** Gives pictures that an item names in elements of its own, or by the enclosure module of RSS 1.0, the names of Media RSS. */
function repairPictures(text: string): string {
  return text
    .replace(IMAGE, '<media:thumbnail url="$2"/>')
    .replace(ENCLOSURE, '<media:content$1url')
    .replace(/<\/enc:enclosure\s*>/gi, '</media:content>')
}

const FIELDS = 'title|link|guid|pubDate|description|author|category|comments|enclosure|source|item|channel'

/** Closes the plain elements of RSS that end only where the next one begins. For documents that no strict parser takes. */
export function closeFields(text: string): string {
  const open = new RegExp(
    `<(title|link|guid|pubDate|category|comments)((?:\\s[^<>]{0,200})?)>([^<]*)<(?=(?:${FIELDS}|/item|/channel|dc:\\w+|content:encoded)[\\s>])`,
    'gi',
  )
  return text.replace(open, '<$1$2>$3</$1><')
}
