import { describe, expect, test } from 'vitest'
import { readOpml } from '../../../src/articles/feeds/formats/opml.ts'
import { type Imported, importFeeds, writeOpml } from '../../../src/articles/sources/import-opml.ts'
import { listSources } from '../../../src/articles/sources/list-sources.ts'
import { Temporal } from '../../../src/clock.ts'
import { CourantError } from '../../../src/errors.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld } from '../../support/world.ts'

const NOW = Temporal.Instant.from('2026-03-10T08:00:00Z')
const LIST = `<?xml version="1.0" encoding="ISO-8859-1"?>
<opml version="2.0"><head><title>Meine Feeds</title></head><body>
  <outline text="Zeitungen"><outline text="Regional">
    <outline type="rss" text="M\xfcnchner &amp; Kurier" xmlUrl="https://kurier.example/feed?a=1&amp;b=2" htmlUrl="https://kurier.example/"/>
  </outline></outline>
  <outline type="rss" text="Bote" title="Der Bote" xmlUrl="https://bote.example/rss"/>
  <outline type="rss" text="Bote noch einmal" xmlUrl="https://bote.example/rss"/>
  <outline type="rss" text="Innen" xmlUrl="http://10.0.0.1/feed"/>
  <outline type="rss" text="Unsinn" xmlUrl="kein Link"/>
  <outline text="leerer Ordner"/>
  <outline type="link" text="Seite" url="https://seite.example/"/>
</body></opml>`
const read = (text: string) => readOpml(Buffer.from(text, 'latin1'))

const database = await freshDatabase()

async function importInto(newsletterId: number, text: string): Promise<Imported[]> {
  const wanted = { newsletterId, backfillDays: 7, allowPrivate: false }
  return Array.fromAsync(importFeeds(database.db, read(text), wanted, NOW))
}

describe('a list of feeds', () => {
  test('is read out of folders of any depth, in its order and its charset', () => {
    expect(read(LIST).slice(0, 2)).toEqual([
      { url: 'https://kurier.example/feed?a=1&b=2', title: 'Münchner & Kurier' },
      { url: 'https://bote.example/rss', title: 'Der Bote' },
    ])
    expect(read(LIST)).toHaveLength(5)
    const deep = `<opml><body>${'<outline text="o">'.repeat(90)}<outline xmlUrl="https://x.example/"/>${'</outline>'.repeat(90)}</body></opml>`
    expect(read(deep)).toEqual([{ url: 'https://x.example/', title: null }])
  })

  test('that is broken is read as far as it goes, and what is none is said to be none', () => {
    expect(read('<opml><body><outline text="a & b" xmlUrl="https://x.example/"></body>')).toHaveLength(1)
    for (const text of ['', 'Hallo', '<html></html>', '{}', '<outline>'.repeat(5000)])
      expect(() => read(text)).toThrow(CourantError)
  })

  const ONE = '<outline text="A" type="rss" xmlUrl="https://a.example/feed"/>'
  const OTHER = '<outline text="B" xmlUrl="https://b.example/feed"/>'
  test.each([
    ['without a body', `<opml><head/>${ONE}${OTHER}</opml>`],
    ['with two bodies', `<opml><body>${ONE}</body><body>${OTHER}</body></opml>`],
    ['with feeds before its body', `<opml>${ONE}<body>${OTHER}</body></opml>`],
    ['with feeds behind its body', `<opml><body>${ONE}</body>${OTHER}</opml>`],
    ['with feeds in its head', `<opml><head>${ONE}</head><body>${OTHER}</body></opml>`],
    [
      'with other elements around feeds',
      `<opml><body><group>${ONE}</group><outline><x>${OTHER}</x></outline></body></opml>`,
    ],
    ['with feeds never closed', `<opml><body>${ONE.replace('/>', '>')}${'<outline text="x">'.repeat(900)}${OTHER}`],
    ['in two documents', `<?xml version="1.0"?><opml><body>${ONE}</body></opml><opml><body>${OTHER}</body></opml>`],
    ['without any frame', `${ONE}\n${OTHER}`],
    ['of a body alone', `<body>${ONE}${OTHER}</body>`],
    ['in a page', `<!doctype html><html><body>${ONE}${OTHER}</body></html>`],
    [
      'with a prefix',
      `<o:opml xmlns:o="x"><o:body><o:outline xmlUrl="https://a.example/feed"/>${OTHER}</o:body></o:opml>`,
    ],
    ['in capitals', `<OPML><BODY><OUTLINE XMLURL="https://a.example/feed"/>${OTHER}</BODY></OPML>`],
    ['without quotation marks', `<opml><body><outline xmlUrl=https://a.example/feed />${OTHER}</body></opml>`],
    ['behind a warning', `Warning: x in y.php\n<?xml version="1.0"?><opml><body>${ONE}${OTHER}</body></opml>`],
    ['cut off', `<?xml version="1.0"?><opml><body>${ONE}${OTHER}<outline text="C" xmlUr`],
    ['cut off in front', `LiSTE"/></head><body>${ONE}${OTHER}</body></opml>`],
    ['with feeds in comments', `<opml><body><!-- ${ONE.replace('a.', 'c.')} -->${ONE}${OTHER}</body></opml>`],
    ['with url for xmlUrl', `<opml><body><outline type="atom" url="https://a.example/feed"/>${OTHER}</body></opml>`],
  ])('%s gives up none of its feeds', (_, text) => {
    expect(read(text).map(({ url }) => url)).toEqual(['https://a.example/feed', 'https://b.example/feed'])
  })

  test.each([
    ['https://x.example/feed?a=1&amp;amp;b=2', 'https://x.example/feed?a=1&b=2'],
    ['https://x.example/feed?a=1&amp;amp;amp;b=2&amp;#38;c=3&amp;#x26;d', 'https://x.example/feed?a=1&b=2&c=3&d'],
    ['https://x.example/feed?q=%26amp%3B', 'https://x.example/feed?q=%26amp%3B'],
    ['https://x.example/feed?a=1&b=2', 'https://x.example/feed?a=1&b=2'],
    [' &lt;https://x.example/feed&gt;\u200b', 'https://x.example/feed'],
  ])('names the address %s, which is %s', (written, meant) => {
    const text = `<opml><body><outline text="Kran &amp;amp; Kranich" xmlUrl="${written}"/></body></opml>`
    expect(readOpml(Buffer.from(text))).toEqual([{ url: meant, title: 'Kran & Kranich' }])
  })

  test('is imported feed by feed: what is there and what is wrong is named, the rest is added', async () => {
    const { newsletterId } = await makeWorld(database.db)
    const rows = await importInto(newsletterId, LIST)
    expect(rows.map(({ outcome }) => outcome)).toEqual(['added', 'added', 'existing', 'refused', 'refused'])
    expect(rows[3]).toMatchObject({ url: 'http://10.0.0.1/feed', why: expect.stringContaining('not public') })
    expect((await listSources(database.db, newsletterId)).map(({ url }) => url)).toEqual([
      'https://kurier.example/feed?a=1&b=2',
      'https://bote.example/rss',
    ])
    expect((await importInto(newsletterId, LIST)).map(({ outcome }) => outcome)).not.toContain('added')
  })

  test('that was exported is read again as it was', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await importInto(newsletterId, LIST)
    const sources = await listSources(database.db, newsletterId)
    const written = writeOpml(
      sources.map((source) => ({ ...source, title: `»${source.id}« <b> & mehr` })),
      'Kurier & Bote',
    )
    expect(readOpml(Buffer.from(written))).toEqual(sources.map(({ id, url }) => ({ url, title: `»${id}« <b> & mehr` })))
  })
})
