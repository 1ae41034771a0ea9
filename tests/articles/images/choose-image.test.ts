import { describe, expect, test } from 'vitest'
import { parseFeed } from '../../../src/articles/feeds/parse-feed.ts'

const PAGE = `<html><head><title>Ratssitzung</title>
  <meta property="og:image" content="/grosse-bruecke.jpg"><meta property="og:image:width" content="1200">
  <meta property="og:image:height" content="630"><meta property="og:image:alt" content="Die &quot;neue&quot; Brücke">
  </head><body><p>Der Rat tagt.</p><img src="https://kurier.example/saal.jpg" alt="Der Saal"></body></html>`

function pictureOf(content: string, more = '') {
  const xml = `<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
    xmlns:media="http://search.yahoo.com/mrss/"><channel><title>Kurier</title><link>https://kurier.example/</link>
    <item><title>Rat</title><link>https://kurier.example/rat</link>${more}
    <content:encoded><![CDATA[${content}]]></content:encoded></item></channel></rss>`
  return parseFeed(Buffer.from(xml), { contentType: null, url: 'https://kurier.example/feed' }).items[0]?.image
}

describe('the picture a text names as og:image', () => {
  test('comes before the pictures in the text, with size and words where it says them', () => {
    expect(pictureOf(PAGE)).toEqual({
      url: 'https://kurier.example/grosse-bruecke.jpg',
      alt: 'Die "neue" Brücke',
      width: 1200,
      height: 630,
    })
  })

  test('comes after those the feed names itself', () => {
    expect(pictureOf(PAGE, '<media:content url="https://kurier.example/m.jpg" medium="image"/>')?.url).toMatch(
      /m\.jpg$/,
    )
    expect(pictureOf(PAGE, '<enclosure url="https://kurier.example/e.jpg" type="image/jpeg"/>')?.url).toMatch(/e\.jpg$/)
  })

  test.each([
    ['a counting pixel', '<meta property="og:image" content="https://vg07.met.vgwort.de/na/1.gif">'],
    ['an icon by its size', '<meta property="og:image" content="/i.png"><meta property="og:image:width" content="16">'],
    ['no address', '<meta property="og:image" content="javascript:alert(1)">'],
    ['said in a comment', '<!-- <meta property="og:image" content="https://kurier.example/c.jpg"> -->'],
    ['only written about', '&lt;meta property="og:image" content="https://kurier.example/c.jpg"&gt;'],
    ['cut off', '<meta property="og:image" content="https://kurier.example/c.jpg'],
  ])('is passed over where it is %s', (_, meta) => {
    expect(pictureOf(`${meta}`)).toBeNull()
  })

  test('is the first of several, by its secure address, however the attributes stand', () => {
    const secure = '<meta property="og:image:secure_url" content="https://kurier.example/s.jpg">'
    expect(pictureOf(`<META content='http://kurier.example/a.jpg' NAME=og:image>${secure}`)?.url).toMatch(/s\.jpg$/)
    expect(
      pictureOf('<meta property="og:image" content="/a.jpg"><meta property="og:image" content="/b.jpg">')?.url,
    ).toMatch(/a\.jpg$/)
  })

  test('is found in a text that is nested without end', () => {
    expect(pictureOf(`<meta property="og:image" content="/a.jpg">${'<b>'.repeat(20_000)}`)?.url).toMatch(/a\.jpg$/)
  })
})

describe('the picture of an item', () => {
  const SMALL = '<media:thumbnail url="https://kurier.example/s72-c/rat.jpg" width="72" height="72"/>'

  test.each([
    ['a thumbnail gives way to a picture of the text', SMALL, '<img src="/gross.jpg">', '/gross.jpg'],
    ['a thumbnail is better than none', SMALL, 'Der Rat tagt.', '/s72-c/rat.jpg'],
    ['a button to share it is none', '', '<img src="/img/facebook_icon_large.png"><img src="/rat.jpg">', '/rat.jpg'],
    ['a picture of icons is one', '', '<img src="/iconostase.png">', '/iconostase.png'],
  ])('%s', (_, more, content, path) => {
    expect(pictureOf(content, more)?.url).toBe(`https://kurier.example${path}`)
  })
})
