import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Feed, parseFeed } from '../../../src/articles/feeds/parse-feed.ts'
import { CourantError } from '../../../src/errors.ts'
import { corpora } from '../../support/corpora.ts'

const read = (text: string, url: string | null = null): Feed =>
  parseFeed(Buffer.from(text), { contentType: 'text/xml', url })
const rss = (item: string, channel = '') =>
  read(
    `<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
      xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom"
      xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>${channel}<item>${item}</item></channel></rss>`,
  ).items[0]
const atom = (entry: string, head = '', root = '') =>
  read(`<feed xmlns="http://www.w3.org/2005/Atom" ${root}>${head}<entry>${entry}</entry></feed>`).items[0]

describe('a feed of any format has one shape', () => {
  const whole = {
    title: 'Der Kurier',
    link: 'https://kurier.example/',
    language: 'de-DE',
    ttlMinutes: 0,
    items: [
      {
        id: '4711',
        url: 'https://kurier.example/rat',
        title: 'Rat & Tat',
        summary: 'Der Rat tagt.',
        contentHtml: '<p>Der <b>Rat</b> tagt.</p>',
        author: 'Anna Blume',
        publishedAt: '2026-03-01T08:00:00Z',
        topics: ['Politik'],
        image: { url: 'https://kurier.example/rat.jpg', alt: null, width: null, height: null },
      },
    ],
  }
  const content = '&lt;p&gt;Der &lt;b&gt;Rat&lt;/b&gt; tagt.&lt;/p&gt;'
  const documents = {
    'RSS 2.0': `<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
      <title>Der Kurier</title><link>https://kurier.example/</link><language>de-de</language>
      <item><title>Rat &amp;amp; Tat</title><link>https://kurier.example/rat</link><guid isPermaLink="false">4711</guid>
      <description>Der Rat tagt.</description><content:encoded>${content}</content:encoded>
      <author>anna@kurier.example (Anna Blume)</author><pubDate>Sun, 01 Mar 2026 09:00:00 +0100</pubDate>
      <category>Politik</category><enclosure url="/rat.jpg" type="image/jpeg" length="1"/></item></channel></rss>`,
    'RSS 1.0': `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
      xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
      xmlns:media="http://search.yahoo.com/mrss/">
      <channel rdf:about="https://kurier.example/feed"><title>Der Kurier</title><link>https://kurier.example/</link>
      <dc:language>de_DE</dc:language></channel>
      <item rdf:about="4711"><title>Rat &amp;amp; Tat</title><link>https://kurier.example/rat</link>
      <description>Der Rat tagt.</description><content:encoded><![CDATA[<p>Der <b>Rat</b> tagt.</p>]]></content:encoded>
      <dc:creator>Anna Blume</dc:creator><dc:date>2026-03-01T08:00:00Z</dc:date><dc:subject>Politik</dc:subject>
      <media:content url="https://kurier.example/rat.jpg" medium="image"/></item></rdf:RDF>`,
    'Atom 1.0': `<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de-DE" xml:base="https://kurier.example/"><title>Der Kurier</title>
      <link rel="self" href="feed.atom"/><link href="https://kurier.example/"/>
      <entry><id>4711</id><title type="html">Rat &amp;amp; Tat</title><link href="rat"/><summary>Der Rat tagt.</summary>
      <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Der <b>Rat</b> tagt.</p></div></content>
      <author><name>Anna Blume</name></author><published>2026-03-01T08:00:00Z</published><updated>2026-03-02T08:00:00Z</updated>
      <category term="politik" label="Politik"/><link rel="enclosure" type="image/jpeg" href="rat.jpg"/></entry></feed>`,
    'Atom 0.3': `<feed version="0.3" xmlns="http://purl.org/atom/ns#" xml:lang="de-DE"><title>Der Kurier</title>
      <link rel="alternate" type="text/html" href="https://kurier.example/"/>
      <entry><id>4711</id><title mode="base64">${Buffer.from('Rat & Tat').toString('base64')}</title>
      <link rel="alternate" type="text/html" href="https://kurier.example/rat"/><summary>Der Rat tagt.</summary>
      <content type="text/html" mode="escaped">${content}</content><author><name>Anna Blume</name></author>
      <issued>2026-03-01T08:00:00Z</issued><modified>2026-03-02T08:00:00Z</modified>
      <dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/">Politik</dc:subject>
      <media:thumbnail xmlns:media="http://search.yahoo.com/mrss/" url="https://kurier.example/rat.jpg"/></entry></feed>`,
    'JSON Feed': JSON.stringify({
      version: 'https://jsonfeed.org/version/1.1',
      title: 'Der Kurier',
      home_page_url: 'https://kurier.example/',
      language: 'de-DE',
      items: [
        {
          id: 4711,
          url: 'https://kurier.example/rat',
          title: 'Rat & Tat',
          summary: 'Der Rat tagt.',
          content_html: '<p>Der <b>Rat</b> tagt.</p>',
          authors: [{ name: 'Anna Blume' }],
          date_published: '2026-03-01T08:00:00Z',
          tags: ['Politik'],
          image: 'rat.jpg',
        },
      ],
    }),
  }
  test.each(Object.entries(documents))('%s', (_, document) => {
    expect(JSON.parse(JSON.stringify(read(document)))).toEqual(whole)
  })
})

describe('the address of an item', () => {
  test('is its link, else its guid unless that is no permanent link', () => {
    expect(rss('<link>https://a.example/1</link><guid>https://b.example/2</guid>')?.url).toBe('https://a.example/1')
    expect(rss('<guid>https://b.example/2</guid>')?.url).toBe('https://b.example/2')
    expect(rss('<guid isPermaLink="false">https://b.example/2</guid>')).toMatchObject({
      url: null,
      id: 'https://b.example/2',
    })
  })

  test('in RSS may be an Atom link, or what there is to hear', () => {
    expect(rss('<title>a</title><atom:link href="https://a.example/1"/>')?.url).toBe('https://a.example/1')
    expect(rss('<title>a</title><link href="https://a.example/1"></link>')?.url).toBe('https://a.example/1')
    expect(rss('<enclosure url="https://a.example/1.mp3" type="audio/mpeg"/>')?.url).toBe('https://a.example/1.mp3')
  })

  test('in Atom is the page among the alternates, and never the comments, the feed or the editor’s door', () => {
    const links = `<link rel="self" href="https://a.example/self"/><link rel="replies" href="https://a.example/replies"/>
      <link rel="edit" href="https://a.example/edit"/><link rel="alternate" type="application/json" href="https://a.example/json"/>
      <link rel="http://www.iana.org/assignments/relation/alternate" type="text/html" href="https://a.example/page"/>`
    expect(atom(links)?.url).toBe('https://a.example/page')
    expect(atom('<link rel="self" href="https://a.example/self"/>')?.url).toBeNull()
    expect(atom('<id>https://a.example/id</id>')?.url).toBe('https://a.example/id')
    expect(atom('<content src="https://a.example/src"/>')?.url).toBe('https://a.example/src')
  })

  test('is absolute: by xml:base of the entry, of the feed, by its home page, by where the feed is', () => {
    const link = '<link href="rat"/>'
    const inner = `<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://a.example/x/"><entry xml:base="y/">${link}</entry></feed>`
    expect(read(inner).items[0]?.url).toBe('https://a.example/x/y/rat')
    expect(atom(link, '<link href="https://a.example/home/"/>')?.url).toBe('https://a.example/home/rat')
    const blog = `<feed xmlns="http://www.w3.org/2005/Atom"><link href="/blog/"/><entry>${link}</entry></feed>`
    expect(read(blog, 'https://a.example/feeds/all.xml').items[0]?.url).toBe('https://a.example/feeds/rat')
    const channel = `<rss><channel xml:base="https://b.example/x/"><link>https://a.example/</link><item><link>rat</link></item></channel></rss>`
    expect(read(channel).items[0]?.url).toBe('https://b.example/x/rat')
    const bare = `<feed xmlns="http://www.w3.org/2005/Atom"><entry>${link}</entry></feed>`
    expect(read(bare, 'https://a.example/feeds/all.xml').items[0]?.url).toBe('https://a.example/feeds/rat')
    expect(read(bare).items[0]?.url).toBeNull()
  })

  test('is given the scheme that was left out', () => {
    expect(rss('<link>www.a.example/1</link>')?.url).toBe('https://www.a.example/1')
    expect(rss('<link>//a.example/1</link>')?.url).toBe('https://a.example/1')
  })

  test('is none where words stand in its place, or a scheme that is not of the web', () => {
    expect(rss('<link>Zum Artikel</link>', '<link>https://a.example/</link>')?.url).toBeNull()
    expect(rss('<link>javascript:alert(1)</link>')?.url).toBeNull()
  })
})

describe('words', () => {
  test('of a title lose tags and entities, escaped once, twice or not at all', () => {
    for (const title of [
      'Rat &amp; Tat',
      'Rat &amp;amp; Tat',
      '<![CDATA[Rat & Tat]]>',
      '<![CDATA[<b>Rat</b> &amp; Tat]]>',
      'Rat & Tat',
    ])
      expect(rss(`<title>${title}</title>`)?.title).toBe('Rat & Tat')
  })

  test('of an Atom title of type text keep what only looks like a tag', () => {
    expect(atom('<title type="text">Das Tag &lt;blink&gt;</title>')?.title).toBe('Das Tag <blink>')
    expect(atom('<title>Das &lt;em&gt;Beste&lt;/em&gt;</title>')?.title).toBe('Das Beste')
  })

  test('keep what stands around CDATA', () => {
    expect(rss('<description>Eben: <![CDATA[<b>Neues</b>]]> heute</description>')?.summary).toBe('Eben: Neues heute')
  })

  test('of Atom content in base64 are decoded when they are text', () => {
    const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
    expect(atom(`<content type="application/octet-stream">${base64('<b>Ein</b> Text')}</content>`)?.summary).toBe(
      'Ein Text',
    )
    expect(
      atom(`<content type="image/png">${base64(Buffer.of(0x89, 0x50, 0, 0xff))}</content>`)?.contentHtml,
    ).toBeNull()
  })

  test('resolve their links by the base of the content', () => {
    const content =
      '<link href="rat"/><content type="html" xml:base="https://c.example/">&lt;a href="x"&gt;x&lt;/a&gt;</content>'
    expect(atom(content, '', 'xml:base="https://a.example/"')).toMatchObject({
      url: 'https://a.example/rat',
      contentHtml: '<a href="https://c.example/x">x</a>',
    })
  })

  test('may be entities of HTML that no XML declares', () => {
    expect(rss('<title>Caf&eacute; &ndash; 5&nbsp;&euro;</title>')?.title).toBe('Café – 5 €')
  })

  test('of a summary come from the text where there is no summary', () => {
    expect(rss('<content:encoded>&lt;p&gt;Text&lt;/p&gt;</content:encoded>')?.summary).toBe('Text')
    expect(rss('<body xmlns="http://www.w3.org/1999/xhtml"><p>Text</p></body>')?.contentHtml).toBe('<p>Text</p>')
    expect(rss('<media:group><media:description>Bild</media:description></media:group>')?.summary).toBe('Bild')
  })

  test('in plain text become paragraphs of HTML', () => {
    const json = {
      version: 'https://jsonfeed.org/version/1',
      title: 'x',
      items: [{ id: 1, content_text: 'a < b\n\nc' }],
    }
    expect(read(JSON.stringify(json)).items[0]?.contentHtml).toBe('<p>a &lt; b</p><p>c</p>')
  })
})

describe('authors', () => {
  test('are all of them, by name; by address only without one', () => {
    expect(rss('<dc:creator>Anna</dc:creator><dc:creator>Bert</dc:creator>')?.author).toBe('Anna, Bert')
    expect(rss('<author>anna@kurier.example</author>')?.author).toBe('anna@kurier.example')
    expect(rss('<dc:author>Anna</dc:author>')?.author).toBe('Anna')
    expect(rss('<itunes:author>Anna</itunes:author>')?.author).toBe('Anna')
  })

  test('in Atom are those of the feed where an entry names none', () => {
    expect(atom('<title>x</title>', '<author><name>Anna</name></author>')?.author).toBe('Anna')
  })
})

describe('dates', () => {
  test('that make no sense are none, and the next that does is taken', () => {
    expect(rss('<pubDate>bald</pubDate>')?.publishedAt).toBeNull()
    expect(rss('<pubDate>bald</pubDate><dc:date>2026-03-01</dc:date>')?.publishedAt?.toString()).toBe(
      '2026-03-01T00:00:00Z',
    )
    expect(rss('<pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>')?.publishedAt).toBeNull()
  })

  test('of publication go before those of a change', () => {
    const entry = '<updated>2026-03-02T00:00:00Z</updated><published>2026-03-01T00:00:00Z</published>'
    expect(atom(entry)?.publishedAt?.toString()).toBe('2026-03-01T00:00:00Z')
  })
})

describe('pictures', () => {
  test('are the widest the feed names, else the first of the text', () => {
    const media = `<media:content url="https://a.example/s.jpg" type="image/jpeg" width="100"/>
      <media:content url="https://a.example/l.jpg" type="image/jpeg" width="900"/><media:thumbnail url="https://a.example/t.jpg"/>`
    expect(rss(media)?.image?.url).toBe('https://a.example/l.jpg')
    const text =
      '<description>&lt;img src="https://a.example/1.png" alt="Ein &amp;quot;Bild&amp;quot;"&gt;</description>'
    expect(rss(text)?.image).toEqual({
      ...{ url: 'https://a.example/1.png', alt: 'Ein "Bild"', width: null, height: null },
    })
  })

  const shown = (...tags: string[]) => `<description><![CDATA[<p>Text</p>${tags.join('')}]]></description>`
  const good = '<img src="https://a.example/rat.jpg" alt="Der Rat" width="800" height="450">'

  test.each([
    ['<img src="https://vg01.met.vgwort.de/na/0123456789abcdef" alt="">'],
    ['<img src="https://feeds.feedburner.com/~r/kurier/~4/abc" height="1" width="1">'],
    ['<img src="https://secure.gravatar.com/avatar/1?s=96" width="96" height="96">'],
    ['<img src="https://s.w.org/images/core/emoji/15/72x72/1f600.png" alt="😀">'],
    ['<img src="https://a.example/icons/share.png" width="24" height="24">'],
    ['<img src="https://a.example/img/spacer.gif">'],
    ['<img src="https://a.example/line.png" width="600" height="2">'],
  ])('are no counters and no icons: %s', (tag) => {
    expect(rss(shown(tag, good))?.image?.url).toBe('https://a.example/rat.jpg')
    expect(rss(shown(tag))?.image).toBeNull()
  })

  test('have the size and the alternative text that are stated, in the text too', () => {
    expect(rss(shown(good))?.image).toEqual({
      url: 'https://a.example/rat.jpg',
      alt: 'Der Rat',
      width: 800,
      height: 450,
    })
    const media = '<media:content url="https://a.example/rat.jpg?w=1200" medium="image" width="1200" height="675"/>'
    expect(rss(media + shown(good))?.image).toEqual({
      ...{ url: 'https://a.example/rat.jpg?w=1200', alt: 'Der Rat', width: 1200, height: 675 },
    })
    expect(
      rss(`<media:thumbnail url="https://a.example/t.jpg" width="40" height="40"/>${shown(good)}`)?.image?.width,
    ).toBe(800)
  })

  test('are not what is heard or watched', () => {
    expect(rss('<enclosure url="https://a.example/a.mp3" type="audio/mpeg"/>')?.image).toBeNull()
  })
})

describe('broken feeds', () => {
  const item = '<item><title>Eins</title><link>https://a.example/1</link></item>'

  test.each([
    [
      'capital letters',
      `<RSS VERSION="2.0"><CHANNEL>${item.toUpperCase().replace('HTTPS://A.EXAMPLE', 'https://a.example')}</CHANNEL></RSS>`,
    ],
    [
      'words before the declaration',
      `Warning: mysql_connect() in x.php\n<?xml version="1.0"?><rss><channel>${item}</channel></rss>`,
    ],
    [
      'a document type',
      `<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "rss.dtd" [<!ENTITY x "y">]><rss><channel>${item}</channel></rss>`,
    ],
    ['a channel without its root', `<channel>${item}</channel>`],
    ['items beside the channel', `<rss><channel><title>x</title></channel>${item}</rss>`],
    ['elements that are not closed', `<rss><channel>${item}<title>x`],
    ['stray ampersands and brackets', `<rss><channel><title>a & b < c</title>${item}</channel></rss>`],
    ['a prefix on everything', `<r:rss xmlns:r="http://backend.userland.com/rss2"><channel>${item}</channel></r:rss>`],
    ['a second channel', `<rss><channel><title>x</title></channel><channel>${item}</channel></rss>`],
    ['a namespace of its own', `<rss xmlns="http://www.w3.org/2005/Atom"><channel>${item}</channel></rss>`],
    [
      'other elements of the same name',
      `<r:rss xmlns:r="http://backend.userland.com/rss2"><r:channel><title>falsch</title><r:item><title>falsch</title><r:title>Eins</r:title><r:link>https://a.example/1</r:link></r:item></r:channel></r:rss>`,
    ],
    ['nothing after an end that is missing', `<rss version="2.0"><channel>${item}<item><title>Zwei</ti`],
  ])('are read in spite of %s', (_, document) => {
    expect(read(document).items[0]).toMatchObject({
      title: expect.stringMatching(/eins/i),
      url: expect.stringContaining('https://a.example/1'),
    })
  })

  test('keep items in which nothing is known, so that counts are true', () => {
    expect(read('<rss version="2.0"><channel><item><odd>1</odd></item></channel></rss>').items).toHaveLength(1)
  })

  test('may be empty and still are feeds', () => {
    expect(read('<rss version="2.0"><channel><title>leer</title></channel></rss>')).toMatchObject({
      title: 'leer',
      items: [],
    })
  })

  test.each([
    ['', 'nothing'],
    ['<!doctype html><html><head><title>x</title></head><body><rss></rss></body></html>', 'a page'],
    ['{"title": "x"}', 'some JSON'],
    ['{"broken', 'half a JSON'],
    ['not a feed', 'words'],
    ['<opml version="2.0"><body/></opml>', 'another XML'],
  ])('are refused when they are none (%s)', (document) => {
    expect(() => read(document)).toThrow(expect.objectContaining({ code: 'feed.invalid' }))
  })

  test('throw nothing but feed.invalid, whatever they are', () => {
    const piece = fc.constantFrom(
      ...[
        '<rss version="2.0">',
        '</rss>',
        '<channel>',
        '<item>',
        '</item>',
        '<title>',
        '</title>',
        '<link>',
        '<feed>',
        '<entry>',
      ],
      ...[
        '<rdf:RDF>',
        '&',
        '&lt;',
        ']]>',
        '<![CDATA[',
        '<!--',
        '-->',
        '<?',
        '<!DOCTYPE',
        '[',
        'xmlns="',
        '"',
        '{"items":[',
        '}',
        'ä',
        '<',
      ],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
        try {
          return Array.isArray(read(pieces.join('')).items)
        } catch (error) {
          return error instanceof CourantError && error.code === 'feed.invalid'
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe.skipIf(corpora === null)('feeds of public test suites', () => {
  test('are read as these expect', { timeout: 120_000 }, () => {
    const command = [process.execPath, join(import.meta.dirname, '../../../src/cli.ts'), 'feed', 'parse']
    const runner = join(corpora ?? '', 'run_feeds.mjs')
    const report = execFileSync(process.execPath, [runner, '--verbose', '--', ...command], { encoding: 'utf8' })
    expect(report).not.toContain('-- failing')
    expect(report).toMatch(/feeds file real: \d+\/\d+ \(100\.0 %\)/)
  })
})
