import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFeed } from '../../../src/articles/feeds/parse-feed.ts'
import { plainText } from '../../../src/articles/text/plain-text.ts'
import { sanitiseHtml } from '../../../src/articles/text/sanitise.ts'
import { corpora, readCases } from '../../support/corpora.ts'
import { escapeXml } from '../../support/feeds.ts'

const BASE = 'https://kurier.example/politik/'
const TAGS =
  'p|br|hr|div|span|h[1-6]|blockquote|pre|address|ul|ol|li|dl|dt|dd|figure|figcaption|img|a|b|strong|i|em|u|s|del|ins|sub|sup|small|mark|q|cite|abbr|dfn|code|kbd|samp|var|time|bdi|ruby|rt|rp|table|caption|thead|tbody|tfoot|tr|th|td'
const WEB = 'https?://[^"<>]*'
const ATTRIBUTES = `(?: (?:(?:dir|lang|title|alt|datetime|colspan|rowspan|start|width|height)="[^"<>]*"|href="(?:${WEB}|mailto:[^"<>]*)"|src="${WEB}"))*`
/** The whole of what may come out: text without “<”, and tags of this list with attributes of that one. */
const INERT = new RegExp(`^(?:[^<]|</?(?:${TAGS})${ATTRIBUTES}(?: /)?>)*$`)

describe('sanitising', () => {
  test('keeps text markup, links and pictures', () => {
    const html =
      '<h2>Rat</h2><p>Der <b>Rat</b> sagt <a href="https://rat.example/?a=1&amp;b=2">ja</a>.</p><ul><li>eins</li></ul>'
    expect(sanitiseHtml(html, BASE)).toBe(html)
  })

  test('drops scripts, styles, forms, frames and vector graphics with what they hold', () => {
    const html =
      'a<script>1</script><style>2</style><iframe>3</iframe><svg><text>4</text></svg><form><button>5</button></form><textarea>6</textarea>b'
    expect(sanitiseHtml(html, BASE)).toBe('ab')
  })

  test('drops style, class, id and event handlers', () => {
    expect(sanitiseHtml('<p style="color:red" class="x" id="y" onclick="z()">a</p>', BASE)).toBe('<p>a</p>')
  })

  test('makes links and pictures absolute, and without a base drops what stays relative', () => {
    const html = '<a href="../sport">x</a><img src="/bild.jpg" alt="Bild">'
    expect(sanitiseHtml(html, BASE)).toBe(
      '<a href="https://kurier.example/sport">x</a><img src="https://kurier.example/bild.jpg" alt="Bild" />',
    )
    expect(sanitiseHtml(html, null)).toBe('<a>x</a>')
  })

  test('takes no scheme but http, https and mailto, and mailto in links only', () => {
    const html =
      '<a href="javascript:alert(1)">a</a><a href="data:text/html,x">b</a><a href="mailto:a@b.example">c</a><img src="mailto:a@b.example"><img src="data:image/png;base64,AA">'
    expect(sanitiseHtml(html, BASE)).toBe('<a>a</a><a>b</a><a href="mailto:a@b.example">c</a>')
  })

  test('drops pictures of one pixel, which count readers', () => {
    expect(sanitiseHtml('<img src="/p.gif" width="1" height="1">x', BASE)).toBe('x')
  })

  test('drops control characters and bidirectional overrides', () => {
    expect(sanitiseHtml('<p>a\u202eb\u0000c\u0007d</p>', BASE)).toBe('<p>abcd</p>')
  })

  test('keeps only the text of what is nested too deep to be meant', () => {
    expect(sanitiseHtml(`${'<b>'.repeat(5000)}x < y<script`, BASE)).toBe('x &lt; y&lt;script')
  })

  test('ends elements that one which is dropped kept from ending', () => {
    const html = sanitiseHtml('<p>a<unknown><table><tr><td>b</td></tr></table>', BASE)
    expect(html).toBe('<p>a</p><table><tr><td>b</td></tr></table><p></p>')
    expect(sanitiseHtml(html, BASE)).toBe(html)
  })

  test('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }), (pieces) => {
        const once = sanitiseHtml(pieces.join(''), BASE)
        expect(once).toMatch(INERT)
        expect(once).not.toMatch(/[\0-\x08\x7f-\x9f\u202a-\u202e]/)
        expect(sanitiseHtml(once, BASE)).toBe(once)
      }),
      { numRuns: 300 },
    )
  })
})

const PIECES = [
  ...['&#x202e;', '&#0;', '&#1;', '&#xd800;'],
  ...[
    '<p>',
    '</p>',
    '<a href="',
    '">',
    "<img src='",
    "'>",
    'javascript:',
    'https://x.example/',
    '<script>',
    '</script>',
  ],
  ...[
    '<svg>',
    '</svg>',
    '<math>',
    '<style>',
    '</style>',
    '<table>',
    '<td>',
    '<!--',
    '-->',
    '&lt;',
    '&#x6a;',
    '"',
    "'",
    '<',
    '>',
  ],
  ...[
    ' onerror=alert(1) ',
    '<b>',
    '</b>',
    '\u0000',
    '<title>',
    '</title>',
    '<noscript>',
    'text',
    '<textarea>',
    '&amp;',
    '<![CDATA[',
  ],
]

describe('plain text', () => {
  test.each([
    ['<p>eins</p><p>zwei</p>', 'eins zwei'],
    ['ein<br>zwei', 'ein zwei'],
    ['<ul><li>a</li><li>b</li></ul>', 'a b'],
    ['<table><tr><td>a</td><td>b</td></tr></table>', 'a b'],
    ['Tom &amp; Jerry', 'Tom & Jerry'],
    ['AT&T', 'AT&T'],
    ['&bdquo;Gäste&ldquo; &ndash; &euro;&nbsp;5', '„Gäste“ – € 5'],
    ['5 < 6 und 7 > 3', '5 < 6 und 7 > 3'],
    ['a<script>alert(1)</script>b', 'ab'],
    ['<h1>Über uns</h1>', 'Über uns'],
    ['  viel\n\tRaum  ', 'viel Raum'],
    ['Donau\u00addampf\u200bschiff', 'Donaudampfschiff'],
    ['um\u202egedreht', 'umgedreht'],
    ['&lt;b&gt; ist ein Tag', '<b> ist ein Tag'],
  ])('of %j is %j', (html, text) => {
    expect(plainText(html)).toBe(text)
  })
})

describe.skipIf(corpora === null)('hostile feeds', () => {
  const payloads = corpora === null ? [] : readCases<{ payloads: { payload: string }[] }>('xss.json').payloads
  const encoders = {
    escaped: escapeXml,
    cdata: (text: string) => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`,
  }

  test.each(Object.entries(encoders))('come out inert as title, summary, content and link (%s)', (_, encode) => {
    for (const { payload } of payloads) {
      const written = encode(payload)
      const feed = parseFeed(
        Buffer.from(
          `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>${written}</title><link>${written}</link>
          <item><title>${written}</title><link>${written}</link><guid>1</guid><description>${written}</description>
          <content:encoded>${written}</content:encoded><category>${written}</category><author>${written}</author>
          <enclosure url="${escapeXml(payload).replaceAll('"', '&quot;')}" type="image/png"/></item></channel></rss>`,
        ),
        { contentType: null, url: 'https://kurier.example/feed' },
      )
      const [item] = feed.items
      expect(item?.contentHtml ?? '', payload).toMatch(INERT)
      for (const text of [feed.title, item?.title, item?.summary, item?.author, ...(item?.topics ?? [])])
        expect(text ?? '', payload).not.toMatch(/<\/?(script|img|svg|iframe|a|style|object|embed|form)\b[^>]*>/i)
      for (const url of [feed.link, item?.url, item?.image?.url])
        expect(url ?? 'https://', payload).toMatch(/^https?:\/\//)
    }
  })
})
