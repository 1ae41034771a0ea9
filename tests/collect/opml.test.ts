import { describe, expect, test } from 'vitest'
import { Temporal } from '../../src/clock.ts'
import { listSources } from '../../src/collect/source/listing.ts'
import { type Imported, importFeeds, readOpml, writeOpml } from '../../src/collect/source/opml.ts'
import { CourantError } from '../../src/errors.ts'
import { freshDatabase } from '../support/fresh.ts'
import { makeWorld } from '../support/world.ts'

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
