import { gzipSync } from 'node:zlib'

const rss = (inner: string) => `<rss version="2.0"><channel><title>x</title>${inner}</channel></rss>`
/** As much of a field as is looked at. */
const FIELD = 490_000

/** Items whose text is nothing but this, as long as is looked at. */
function fill(unit: string, start = '', count = 6): string {
  const text = start + unit.repeat(Math.floor(FIELD / unit.length))
  const item = `<item><title>x</title><description><![CDATA[${text}]]></description></item>`
  return rss(item.repeat(count))
}

const items = (inner: string, count: number) => rss(`<item>${inner}</item>`.repeat(count))

/** Documents that are made to take all the time and memory a reader has. Packed, each is a few kilobytes. */
export const PAYLOADS: Readonly<Record<string, () => string | Buffer>> = {
  'of brackets': () => fill('<'),
  'of paragraphs that never end': () => fill('<p>'),
  'nested deep': () => fill('<div><b>'),
  'of many attributes': () => fill(' a="1"', '<a '),
  'of entities': () => fill('&lt;&#60;&amp;'),
  'of XML nested deep': () => rss('<a>'.repeat(1_000_000)),
  'of XML with an element of many attributes': () => rss(`<item ${'a="1" '.repeat(400_000)}/>`),
  'of empty items': () => items('', 200_000),
  'of dates that are none': () => items(`<pubDate>Mon,${' 1'.repeat(20_000)}x</pubDate>`, 50),
  'of authors that are none': () => items(`<author>${'(a@'.repeat(300)}</author>`, 3_000),
  'of titles of white space': () => items(`<title>${' \n'.repeat(50_000)}</title>`, 30),
  'that is a sitemap index without end': () => `<sitemapindex>${'</sitemap>'.repeat(300_000)}`,
  'that is a packed sitemap index': () => gzipSync(`<sitemapindex>${'</sitemap>'.repeat(600_000)}`),
  'that unpacks to five times its limit': () => gzipSync(Buffer.alloc(100_000_000)),
  'of JSON nested deep': () => `{"version":"https://jsonfeed.org/version/1.1","items":${'['.repeat(2_000_000)}`,
  'of octets of no encoding': () => Buffer.from(fill('\u0081'), 'latin1'),
}

/** One that takes longer to read than anybody waits. */
export const ENDLESS = fill('<p>', '', 20)
