import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { type Dice as Chance, throwDice } from '../simulate/dice.ts'
import { escapeXml } from './feeds.ts'

/** What a server made to do harm answers with: once, or chunk by chunk without end. */
export type HostileReply = {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Sends the body octet by octet and never ends. */
  readonly isTrickle?: boolean
}

/** What a payload is made with, so that it differs from the last one of its kind. */
type Dice = Pick<Chance, 'pick'> & {
  readonly letter: () => string
  readonly name: () => string
  readonly octets: (count: number) => Buffer
}

type Make = (dice: Dice, scale: number) => string | Buffer | HostileReply

const MB = 1_000_000
const many = (unit: string, octets: number) => unit.repeat(Math.max(1, Math.floor(octets / unit.length)))
const rss = (inner: string) =>
  `<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>${inner}</channel></rss>`
const item = (inner: string, n = 0) => `<item><guid>${n}</guid><link>https://a.example/${n}</link>${inner}</item>`
const described = (html: string) => rss(item(`<title>x</title><description>${escapeXml(html)}</description>`))
const items = (count: number, inner: (n: number) => string) =>
  rss(Array.from({ length: Math.ceil(count) }, (_, n) => item(inner(n), n)).join(''))
const coded = (encoding: string, body: Buffer): HostileReply => ({ headers: { 'content-encoding': encoding }, body })
const typed = (type: string, body: string | Buffer): HostileReply => ({
  headers: { 'content-type': type },
  body: Buffer.from(body),
})
const page = (head: string, body: string) =>
  typed('text/html', `<!doctype html><html><head>${head}</head><body>${body}`)

/** Documents that are made to take time or memory, by what they are full of; with a scale of 1 as large as is read at all. */
const KINDS: Readonly<Record<string, Make>> = {
  'brackets in CDATA': (_, s) => rss(item(`<description><![CDATA[${many('<', 9.5 * MB * s)}]]></description>`)),
  'elements nested deep': (dice, s) => rss(many(`<${dice.name()}>`, 8 * MB * s)),
  'HTML nested deep': (dice, s) =>
    described(many(dice.pick(['<div>', '<b>', '<table><tr><td>', '<ul><li>']), 2 * MB * s)),
  'tables nested deep': (_, s) => described(many('<table><tr><td>', 50_000 * 15 * s)),
  'an attribute of megabytes': (dice, s) => rss(`<item ${dice.name()}="${many(dice.letter(), 9 * MB * s)}"/>`),
  'attributes in great number': (dice, s) => rss(`<item ${many(`${dice.name()}="1" `, 6 * MB * s)}/>`),
  'entities of entities': (dice, s) =>
    `<!DOCTYPE x [<!ENTITY a0 "${dice.name()}">${Array.from({ length: 40 }, (_, n) => `<!ENTITY a${n + 1} "${`&a${n};`.repeat(10)}">`).join('')}]>${rss(item(`<title>${many('&a40;', 2 * MB * s)}</title>`))}`,
  'character references': (dice, s) =>
    described(many(dice.pick(['&#60;', '&lt;', '&amp;#x3c;', '&notit;']), 4 * MB * s)),
  'namespaces by the thousand': (dice, s) =>
    `<rss version="2.0" ${Array.from({ length: 60_000 * s }, (_, n) => `xmlns:${dice.name()}${n}="urn:${n}"`).join(' ')}><channel>${item('<title>x</title>')}</channel></rss>`,
  'a comment without end': (dice, s) => rss(`<!--${many(dice.pick(['-', '--!', 'x ', '<!--']), 9 * MB * s)}`),
  'comments in great number': (_, s) => rss(many('<!---->', 8 * MB * s)),
  'JSON nested deep': (dice, s) =>
    typed(
      'application/json',
      `{"version":"https://jsonfeed.org/version/1.1","items":${many(dice.pick(['[', '{"a":']), 8 * MB * s)}`,
    ),
  'JSON of many items': (dice, s) =>
    JSON.stringify({
      version: 'https://jsonfeed.org/version/1.1',
      title: 'x',
      items: Array.from({ length: 60_000 * s }, (_, n) => ({
        id: `${n}`,
        url: `https://a.example/${n}`,
        title: dice.name(),
      })),
    }),
  'a sitemap index without end': (_, s) => `<sitemapindex>${many('<sitemap><loc>x', 9 * MB * s)}`,
  'a sitemap of many': (dice, s) =>
    `<urlset xmlns:news="n">${Array.from({ length: 40_000 * s }, (_, n) => `<url><loc>https://a.example/${n}</loc><news:news><news:title>${dice.name()}</news:title></news:news></url>`).join('')}</urlset>`,
  'a bomb of gzip': (dice, s) => coded('gzip', gzipSync(Buffer.alloc(200 * MB * s, dice.letter()))),
  'a bomb of deflate': (dice, s) => coded('deflate', deflateSync(Buffer.alloc(200 * MB * s, dice.letter()))),
  'a bomb of brotli': (dice, s) => coded('br', brotliCompressSync(Buffer.alloc(60 * MB * s, dice.letter()))),
  'a bomb of zstd': (dice, s) => coded('zstd', zstdCompressSync(Buffer.alloc(200 * MB * s, dice.letter()))),
  'a bomb in a bomb': (dice, s) => coded('gzip, gzip', gzipSync(gzipSync(Buffer.alloc(200 * MB * s, dice.letter())))),
  'a packed file that unpacks to much': (dice, s) => gzipSync(Buffer.alloc(100 * MB * s, dice.letter())),
  'as much as is read, packed': (dice, s) => coded('gzip', gzipSync(described(many(`${dice.name()} `, 9 * MB * s)))),
  'UTF-16': (dice, s) => Buffer.from(`\ufeff${described(many(dice.name(), 2 * MB * s))}`, 'utf16le'),
  'UTF-7': (_, s) => typed('text/xml; charset=utf-7', rss(item(`<title>${many('+ADw-', 4 * MB * s)}</title>`))),
  'octets of no encoding': (dice, s) =>
    Buffer.concat([Buffer.from('<rss version="2.0"><channel><title>'), dice.octets(9 * MB * s)]),
  'a charset that is none': (dice, s) =>
    typed(
      `text/xml; charset=${dice.pick(['iso-2022-jp', 'hz-gb-2312', 'gb18030', 'x-user-defined'])}`,
      dice.octets(6 * MB * s),
    ),
  'octets that trickle': (dice) => ({
    headers: {},
    body: Buffer.from(rss(item(`<title>${dice.name()}</title>`))),
    isTrickle: true,
  }),
  'one line of text': (dice, s) => typed('text/plain', many(`${dice.name()} `, 9.5 * MB * s)),
  'dates that are none': (dice, s) =>
    items(
      400 * s,
      () =>
        `<title>x</title><pubDate>${dice.pick(['Mon, ', '1', ''])}${many(dice.pick([' 1', ':0', '-', '1']), 20_000)}x</pubDate>`,
    ),
  'combining marks': (dice, s) =>
    items(40 * s, () => `<title>a${many(dice.pick(['\u0301', '\u20dd', '\u0345']), 100_000)}</title>`),
  'emoji and bidi': (dice, s) =>
    items(40 * s, () => `<title>${many(dice.pick(['👨‍👩‍👧', '\u202e', '\u2066x', '🇩🇪']), 100_000)}</title>`),
  'addresses of megabytes': (dice, s) =>
    rss(`<item><link>https://a.example/${many(dice.pick(['%', '../', '&a=1', '@']), 4 * MB * s)}</link></item>`),
  'items in great number': (dice, s) => items(100_000 * s, () => `<title>${dice.name()}</title>`),
  'links in one item': (_, s) => described(many('<a href="https://a.example/1">x</a>', 35 * 100_000 * s)),
  'pictures in one item': (_, s) => described(many('<img src="https://a.example/1.jpg" width=1>', 42 * 100_000 * s)),
  'style attributes': (dice, s) => described(many(`<p style="${many(`${dice.name()}:url(x);`, 5_000)}">`, 6 * MB * s)),
  'surrogates that are torn': (dice, s) =>
    typed(
      'application/json',
      `{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","url":"https://a.example/","title":"${many(dice.pick(['\\ud83d', '\\udc00', '\\u0000']), 6 * MB * s)}"}]}`,
    ),
  'RDF with a long table of contents': (_, s) =>
    `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel><items><rdf:Seq>${many('<rdf:li rdf:resource="a"/>', 6 * MB * s)}</rdf:Seq></items></channel></rdf:RDF>`,
  'Atom in XHTML': (_, s) =>
    `<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><link href="https://a.example/"/><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">${many('<p><i>', 4 * MB * s)}`,
  'a page with JSON-LD': (dice, s) =>
    page(
      `<script type="application/ld+json">${many(dice.pick(['[', '{"@graph":[', '{"a":{']), 8 * MB * s)}</script>`,
      '',
    ),
  'a page of feeds': (_, s) => page(many('<link rel=alternate type=application/rss+xml href=/a>', 8 * MB * s), ''),
  'a page nested deep': (dice, s) => page('', many(`<${dice.name()}>`, 9 * MB * s)),
  'many long articles': (dice, s) =>
    items(
      2_000 * s,
      () => `<title>${dice.name()}</title><description>${many(`${dice.name()} &lt;p&gt;`, 4_500)}</description>`,
    ),
}

/** How many kinds there are. */
export const KINDS_COUNT = Object.keys(KINDS).length

/** The `n`th payload of this seed: its kind, and what is answered. */
export function makePayload(
  n: number,
  seed: number,
  scale: number,
): { readonly kind: string; readonly reply: HostileReply } {
  const [kind, make] = Object.entries(KINDS)[n % KINDS_COUNT] ?? ['none', () => '']
  const made = make(openDice(seed * 1_000 + n), scale)
  return { kind, reply: typeof made === 'string' || Buffer.isBuffer(made) ? typed('text/xml', made) : made }
}

function openDice(seed: number): Dice {
  const { pick, below } = throwDice(seed)
  const letter = () => String.fromCharCode(97 + below(26))
  return {
    pick,
    letter,
    name: () => Array.from({ length: 3 + below(6) }, letter).join(''),
    octets: (count) => Buffer.from(Uint8Array.from({ length: count }, () => below(256))),
  }
}
