import sanitizeHtml from 'sanitize-html'
import { limitDepth } from './limit-depth.ts'
import { absoluteUrl } from './links.ts'

/** Text markup and nothing else: what a mail program shows the same everywhere. */
const TAGS = [
  ...['p', 'br', 'hr', 'div', 'span', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'pre', 'address'],
  ...['ul', 'ol', 'li', 'dl', 'dt', 'dd', 'figure', 'figcaption', 'img', 'a'],
  ...['b', 'strong', 'i', 'em', 'u', 's', 'del', 'ins', 'sub', 'sup', 'small', 'mark', 'q', 'cite', 'abbr', 'dfn'],
  ...['code', 'kbd', 'samp', 'var', 'time', 'bdi', 'ruby', 'rt', 'rp'],
  ...['table', 'caption', 'thead', 'tbody', 'tfoot', 'tr', 'th', 'td'],
]

/** Their text is no text: it goes with the tag. */
const SILENT_TAGS = [
  ...['script', 'style', 'noscript', 'template', 'title', 'textarea', 'option', 'select', 'button', 'iframe'],
  ...['object', 'embed', 'applet', 'svg', 'math', 'audio', 'video', 'canvas', 'map', 'noembed', 'noframes', 'xmp'],
]

/** Characters of one article; half a million are a book. What follows is cut off. */
const LONGEST = 500_000
/** Text nests a dozen deep; deeper is a mistake or an attack on whoever walks the tree next. */
const DEEPEST = 60

const OPTIONS: sanitizeHtml.IOptions = {
  allowedTags: TAGS,
  allowedAttributes: {
    '*': ['dir', 'lang'],
    a: ['href', 'title'],
    img: ['src', 'alt', 'title', 'width', 'height'],
    ol: ['start'],
    th: ['colspan', 'rowspan'],
    td: ['colspan', 'rowspan'],
    time: ['datetime'],
    abbr: ['title'],
  },
  allowedSchemes: ['http', 'https', 'mailto'],
  allowedSchemesByTag: { img: ['http', 'https'] },
  allowProtocolRelative: false,
  nonTextTags: SILENT_TAGS,
  enforceHtmlBoundary: false,
  nestingLimit: DEEPEST,
  // A picture without a source, or of one pixel, is a hole or a tracker.
  exclusiveFilter: ({ tag, attribs }) =>
    tag === 'img' && (!attribs.src || attribs.width === '1' || attribs.height === '1'),
}

/** Each costs as much as an element, 3 µs in all the steps an item goes through: ten megabytes of them took 33 s. */
const STRAY_BRACKETS = /<{9,}/g

/** One changes what is to change of 99.99 % of what a fuzzer wrote, two of the rest; the last finds nothing. */
const MOST_PASSES = 4

/**
 * Makes foreign HTML harmless, once, when it is collected: text markup only, links to http, https and mailto, pictures
 * by absolute URL. Relative addresses are made absolute by `base`, or dropped without one. Doing it again changes nothing.
 * Of HTML that is nested too deep only the text is kept.
 */
export function sanitiseHtml(html: string, base: string | null): string {
  let clean = html.slice(0, LONGEST).replace(STRAY_BRACKETS, '<')
  for (let passes = 0; passes < MOST_PASSES; passes += 1) {
    const before = clean
    clean = sanitiseOnce(before, base)
    // An element that is dropped can keep the parser from ending those around it: a table stays within a paragraph, say.
    if (clean === before) break
  }
  return clean
}

function sanitiseOnce(html: string, base: string | null): string {
  const address = (attribs: sanitizeHtml.Attributes, name: string): sanitizeHtml.Attributes => {
    const { [name]: written, ...others } = attribs
    const url = written === undefined ? null : absoluteUrl(written, base)
    return url === null ? others : { ...attribs, [name]: url }
  }
  const transformTags: sanitizeHtml.IOptions['transformTags'] = {
    a: (tagName, attribs) => ({ tagName, attribs: address(attribs, 'href') }),
    img: (tagName, attribs) => ({ tagName, attribs: measured(address(attribs, 'src')) }),
  }
  const visible = dropInvisible(html)
  try {
    // What was hidden in entities is decoded only now.
    return dropInvisible(sanitizeHtml(visible, { ...OPTIONS, ...limitDepth(), transformTags })).trim()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return sanitizeHtml(visible.replace(/<[^<>]*>/g, ' ').replace(/<(?=[a-z/!?])/gi, '&lt;'), OPTIONS).trim()
  }
}

/** Sizes are whole pixels. */
function measured(attribs: sanitizeHtml.Attributes): sanitizeHtml.Attributes {
  const sizes = ['width', 'height']
  return Object.fromEntries(
    Object.entries(attribs).filter(([name, value]) => !sizes.includes(name) || /^\d{1,5}$/.test(value.trim())),
  )
}

/** Drops control characters, bidirectional overrides (which turn text around) and noncharacters; keeps tab and newline. */
export function dropInvisible(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g, '')
}
