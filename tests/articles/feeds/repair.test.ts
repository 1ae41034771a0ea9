import { describe, expect, test } from 'vitest'
import { parseFeed } from '../../../src/articles/feeds/parse-feed.ts'

const read = (text: string) => parseFeed(Buffer.from(text), { contentType: null, url: null })
const rss = (item: string, channel = '') =>
  read(`<rss version="2.0"><channel>${channel}<item>${item}</item></channel></rss>`)
const atom = (entry: string) => read(`<feed xmlns="http://www.w3.org/2005/Atom"><entry>${entry}</entry></feed>`)
const rdf = (items: string, channel = '') =>
  read(`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"><channel rdf:about="https://a.example/">${channel}</channel>${items}</rdf:RDF>`)

describe('RSS', () => {
  test('is read from the element that says something, not from an empty one before it', () => {
    const feed = rss(
      '<title/><title>A</title><link></link><link>https://a.example/1</link>',
      '<link/><link>https://a.example/</link>',
    )
    expect(feed).toMatchObject({ link: 'https://a.example/', items: [{ title: 'A', url: 'https://a.example/1' }] })
  })

  test('may have items in the channel, beside it, in a list and in a second feed', () => {
    const item = (title: string) => `<item><title>${title}</title></item>`
    const titles = (text: string) => read(text).items.map(({ title }) => title)
    expect(titles(`<rss version="2.0"><channel>${item('A')}</channel>${item('B')}</rss>`)).toEqual(['A', 'B'])
    expect(titles(`<rss version="0.91"><channel><items>${item('A')}</items></channel></rss>`)).toEqual(['A'])
    const one = (title: string) => `<rss version="2.0"><channel>${item(title)}</channel></rss>`
    expect(titles(one('A') + one('B'))).toEqual(['A', 'B'])
  })

  test('may start an element in one case and end it in another', () => {
    expect(rss('<Title>A</title><LINK>https://a.example/1</link><pubDate>2026-03-01</pubdate>').items[0]).toMatchObject(
      {
        ...{ title: 'A', url: 'https://a.example/1' },
        publishedAt: expect.objectContaining({ epochMilliseconds: Date.UTC(2026, 2, 1) }),
      },
    )
  })

  test('may leave the end of an element to the start of the next', () => {
    expect(rss('<title>A<link>https://a.example/1</link>').items[0]).toMatchObject({
      title: 'A',
      url: 'https://a.example/1',
    })
  })

  test('has a permanent link in a guid that says so, however it is written', () => {
    expect(rss('<guid isPermaLink="true">/1</guid>', '<link>https://a.example/</link>').items[0]?.url).toBe(
      'https://a.example/1',
    )
    expect(rss('<guid>www.a.example/1</guid>').items[0]?.url).toBe('https://www.a.example/1')
    expect(rss('<guid>4711</guid>', '<link>https://a.example/</link>').items[0]?.url).toBeNull()
  })

  test.each([
    '<image>https://a.example/1.jpg</image>',
    '<image><url>https://a.example/1.jpg</url></image>',
    '<thumbnail><![CDATA[https://a.example/1.jpg]]></thumbnail>',
    '<enclosure url="https://a.example/1.jpg" type="application/octet-stream"/>',
    '<media:content url="https://a.example/1.jpg" medium="Image"/>',
  ])('shows the picture of %s', (element) => {
    expect(rss(`<title>A</title>${element}`).items[0]?.image?.url).toBe('https://a.example/1.jpg')
  })

  test('takes the title of the channel and not the one of its picture', () => {
    const image = '<image><url>https://a.example/1.jpg</url><title>Bild</title><link>https://b.example/</link></image>'
    expect(rss('<title>A</title>', `${image}<title>Kurier</title>`)).toMatchObject({ title: 'Kurier', link: null })
  })

  test('describes a picture by its own description', () => {
    const media =
      '<media:content url="https://a.example/1.jpg" medium="image"><media:description>Ein Brot</media:description></media:content>'
    expect(rss(`<title>A</title><media:title>A</media:title>${media}`).items[0]?.image?.alt).toBe('Ein Brot')
  })
})

describe('a document with a quote too many or too few', () => {
  const first = '<item><title>A</title><link>https://a.example/1</link></item>'

  test.each([
    '<item><enclosure url="https://a.example/1.mp3',
    '<item><enclosure url="https://a.example/1.mp3 type="audio/mpeg"/></item></channel></rss>',
    '<item><enclosure url="https://a.example/1.mp3"" type="audio/mpeg"/><title>B</title></item></channel></rss>',
    '<item><"title">B</"title"></item></channel></rss>',
  ])('keeps what stands before it: %s', (rest) => {
    expect(read(`<rss version="2.0"><channel>${first}${rest}`).items[0]).toMatchObject({
      title: 'A',
      url: 'https://a.example/1',
    })
  })
})

describe('RDF', () => {
  test('shows every item in its order, whatever its table of contents names', () => {
    const items = [1, 2, 3]
      .map((nr) => `<item rdf:about="https://a.example/${nr}"><title>${nr}</title></item>`)
      .join('')
    const contents =
      '<items><rdf:Seq><rdf:li rdf:resource="https://a.example/3"/><rdf:li resource="https://a.example/1"/></rdf:Seq></items>'
    expect(rdf(items, contents).items.map(({ title }) => title)).toEqual(['1', '2', '3'])
  })

  test('may use the elements of RSS 2.0 and of PRISM', () => {
    const item = `<item rdf:about="https://a.example/1"><title>A</title><pubDate>Sun, 01 Mar 2026 08:00:00 GMT</pubDate>
      <author>Anna</author><category>Brot</category></item>
      <item rdf:about="https://a.example/2"><title>B</title><prism:publicationDate>2026-03-01</prism:publicationDate></item>`
    const feed = rdf(item, '<language>de</language>')
    expect(feed).toMatchObject({ language: 'de', items: [{ author: 'Anna', topics: ['Brot'] }, {}] })
    expect(feed.items.map(({ publishedAt }) => publishedAt?.toString())).toEqual([
      '2026-03-01T08:00:00Z',
      '2026-03-01T00:00:00Z',
    ])
  })
})

describe('Atom', () => {
  test('may write its link and its author as RSS does', () => {
    expect(atom('<link>https://a.example/1</link><author>Anna</author>').items[0]).toMatchObject({
      ...{ url: 'https://a.example/1', author: 'Anna' },
    })
  })
})

describe('entities', () => {
  test('that the document declares are what it declares, unless they name others or XML’s own', () => {
    const subset = '<!ENTITY co "ACME &amp; Söhne"><!ENTITY gt "größer"><!ENTITY two \'&co;&co;\'>'
    const feed = read(
      `<!DOCTYPE rss [${subset}]><rss version="2.0"><channel><title>&co; &gt; &two;</title></channel></rss>`,
    )
    expect(feed.title).toBe('ACME & Söhne > &two;')
  })
})

describe('a language', () => {
  test.each([
    ['de_AT', 'de-AT'],
    ['de_DE.UTF-8', 'de-DE'],
    ['en-us, de', 'en-US'],
    ['zh_Hans_CN', 'zh-Hans-CN'],
    ['German', null],
    ['und', null],
    ['', null],
    ['%lang%', null],
  ])('declared as %j is %s', (declared, language) => {
    expect(rss('<title>A</title>', `<language>${declared}</language>`).language).toBe(language)
  })
})
