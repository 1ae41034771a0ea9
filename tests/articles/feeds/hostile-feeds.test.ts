import { describe, expect, test } from 'vitest'
import { parseFeed } from '../../../src/articles/feeds/parse-feed.ts'

const read = (text: string) => parseFeed(Buffer.from(text), { contentType: null, url: null })
const rss = (inner: string) => `<rss version="2.0"><channel><title>x</title>${inner}</channel></rss>`
const MB = 1_000_000

// Each took the square of its length in time, or memory without end, in one of the parts it goes through. None is timed:
// a step back is a test that does not end.
describe('a hostile document takes no more than its length', () => {
  test('with entities of entities', () => {
    const levels = Array.from({ length: 30 }, (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`)
    const feed = read(
      `<!DOCTYPE x [<!ENTITY l0 "lol">${levels.join('')}]>${rss('<item><title>&l30; &l0;</title></item>')}`,
    )
    expect(feed.items[0]?.title).toBe('&l30; lol')
  })

  test('with an entity that is long and named often', () => {
    const entity = `<!DOCTYPE x [<!ENTITY a "${'a'.repeat(200)}">]>`
    const feed = read(`${entity}${rss(`<item><description>${'&a;'.repeat(100_000)}</description></item>`)}`)
    expect(feed.items[0]?.summary?.length).toBeLessThanOrEqual(5_000)
  })

  test('with an entity of another file', () => {
    const feed = read(`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${rss('<item><title>&a;</title></item>')}`)
    expect(feed.items[0]?.title).toBe('&a;')
  })

  test('with elements nested deep', () => {
    expect(() => read(`<rss version="2.0"><channel>${'<a>'.repeat(200_000)}`)).toThrow(
      expect.objectContaining({ code: 'feed.invalid' }),
    )
    expect(read(rss(`<item><description>${'&lt;b&gt;'.repeat(100_000)}x</description></item>`)).items[0]?.summary).toBe(
      'x',
    )
  })

  test('with an attribute or a title of megabytes', () => {
    expect(
      read(rss(`<item><enclosure url="https://a.example/${'x'.repeat(5 * MB)}" type="a/b"/></item>`)).items,
    ).toHaveLength(1)
    expect(read(rss(`<item><title>${'y '.repeat(MB)}</title></item>`)).items[0]?.title.length).toBeLessThanOrEqual(
      1_000,
    )
  })

  test('with nothing but brackets', () => {
    expect(() => read(`<rss version="2.0"><channel>${'<'.repeat(3 * MB)}`)).toThrow(
      expect.objectContaining({ code: 'feed.invalid' }),
    )
  })

  test('with nothing but brackets in a field that never ends', () => {
    expect(read(`<rss version="2.0"><channel><item><description>${'<'.repeat(9 * MB)}`).items).toMatchObject([
      { title: '' },
    ])
  })

  test('with more items than a feed has', () => {
    const items = Array.from({ length: 12_000 }, (_, at) => `<item><guid>${at}</guid></item>`).join('')
    expect(read(rss(items)).items).toHaveLength(10_000)
  })

  test('with a table of contents that is long', () => {
    const names = Array.from({ length: 9_000 }, (_, at) => `https://a.example/${at}`)
    const feed =
      read(`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel>
      <items><rdf:Seq>${names.map((name) => `<rdf:li rdf:resource="${name}"/>`).join('')}</rdf:Seq></items></channel>
      ${names.map((name) => `<item rdf:about="${name}"><title>x</title></item>`).join('')}</rdf:RDF>`)
    expect(feed.items).toHaveLength(9_000)
  })

  test('with thousands of pictures, topics and authors in one item', () => {
    const many = '<media:content url="https://a.example/x.mp4" medium="image" width="1"/><category>k</category>'.repeat(
      5_000,
    )
    const shown = '&lt;img src="https://a.example/y.jpg"&gt;'.repeat(5_000)
    const feed = read(rss(`<item><title>x</title>${many}<description>${shown}</description></item>`))
    expect(feed.items[0]?.image?.url).toBe('https://a.example/y.jpg')
    expect(feed.items[0]?.topics.length).toBeLessThanOrEqual(100)
  })

  test('with brackets in the place of authors', () => {
    const item = `<item><author>${'('.repeat(5_000)}</author></item>`
    expect(read(rss(item.repeat(300))).items).toHaveLength(300)
  })

  test('with white space in every place', () => {
    const space = ' '.repeat(300_000)
    for (const name of ['image', 'title', 'link', 'enc:enclosure', 'items', 'guid', 'enclosure', 'author'])
      expect(read(rss(`<${name}>${space}<url>${space}</url>${space}</${name}><${name}${space}/>`)).items).toEqual([])
    expect(
      read(
        `<rss version="2.0"${space}><channel${space}><title>x</title></channel>${space}<item${space}><guid>1</guid></item></rss>`,
      ).items,
    ).toHaveLength(1)
    expect(read(`<!DOCTYPE x [<!ENTITY${space}>${space}]>${rss('<item><guid>1</guid></item>')}`).items).toHaveLength(1)
  })

  test('with bytes of no encoding', () => {
    const body = Buffer.concat([
      Buffer.from('<rss version="2.0"><channel><title>'),
      Buffer.alloc(2 * MB, 'x\xfc', 'latin1'),
      Buffer.from('</title></channel></rss>'),
    ])
    expect(parseFeed(body, { contentType: null, url: null }).title).toMatch(/^(xü){500}$/)
  })
})
