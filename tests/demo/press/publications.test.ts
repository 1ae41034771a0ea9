import { parseAtomFeed, parseJsonFeed, parseRssFeed } from 'feedsmith'
import { fetch } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { readArticles } from '../../../src/demo/press/demo-articles.ts'
import { DEMO_PUBLICATIONS } from '../../../src/demo/press/publication.ts'
import { type Publications, startPublications } from '../../../src/demo/press/publications.ts'

const NOON = Temporal.Instant.from('2031-03-30T12:00:00Z')
const [WELT, LAND, HARBOUR] = ['welt-und-technik/feed.xml', 'landblatt/atom.xml', 'harbour/feed.json']

let press: Publications

beforeEach(async () => {
  press = await startPublications({ now: NOON })
})
afterEach(() => press.close())

const open = (path: string, init = {}) => fetch(`${press.url}/${path}`, { redirect: 'manual', ...init })
const read = async (path: string) => (await open(path)).text()
const readWelt = async () => parseRssFeed(await read(WELT!))
const readLand = async () => parseAtomFeed(await read(LAND!))
const readHarbour = async () => parseJsonFeed(await read(HARBOUR!))

describe('the feeds', () => {
  test('are an RSS, an Atom and a JSON Feed, each in its language', async () => {
    const [welt, land, harbour] = [await readWelt(), await readLand(), await readHarbour()]

    expect([welt.title, welt.language, welt.items?.length]).toEqual(['Welt & Technik', 'de', 15])
    expect([land.title?.value, land.xml?.lang, land.entries?.length]).toEqual(['Landblatt', 'de', 13])
    expect([harbour.title, harbour.language, harbour.items?.length]).toEqual(['The Harbour Review', 'en', 14])
    expect(press.feeds.map(({ url }) => url)).toEqual([WELT, LAND, HARBOUR].map((path) => `${press.url}/${path}`))
  })

  test('date every article by the given start, newest first', async () => {
    const dates = (await readHarbour()).items!.map(({ date_published }) => Date.parse(date_published!))

    expect(dates[0]).toBe(NOON.subtract({ minutes: 14 }).epochMilliseconds)
    expect(dates).toEqual(dates.toSorted((a, b) => b - a))
    expect(Date.parse((await readWelt()).items![0]!.pubDate!)).toBe(NOON.subtract({ minutes: 5 }).epochMilliseconds)
    expect(Date.parse((await readLand()).updated!)).toBe(NOON.subtract({ minutes: 22 }).epochMilliseconds)
  })

  test('carry summary, text, author, topics, picture with its description and an id that outlives the port', async () => {
    const wind = (await readWelt()).items![0]!
    const bread = (await readLand()).entries![0]!
    const keeper = (await readHarbour()).items![0]!

    expect(wind).toMatchObject({
      link: `${press.url}/welt-und-technik/heisser-sand`,
      guid: { value: 'tag:courant.example,2026:welt-und-technik/heisser-sand', isPermaLink: false },
      categories: [{ name: 'Energie' }, { name: 'Technik' }],
      dc: { creators: ['Mira Lindholt'] },
      enclosures: [{ url: `${press.url}/pictures/wind-farm.png`, type: 'image/png' }],
      media: { contents: [{ title: { value: expect.stringContaining('Windräder') }, description: expect.anything() }] },
    })
    expect(wind.content?.encoded).toMatch(/^<p>Der Turm [\s\S]*<\/p>$/)
    expect(bread).toMatchObject({
      id: 'tag:courant.example,2026:landblatt/brot-das-drei-tage-braucht',
      authors: [{ name: 'Rosa Immenthal' }],
      categories: [{ term: 'Küche' }, { term: 'Region' }],
      content: { type: 'html', value: expect.stringContaining('<p>Montags') },
    })
    expect(keeper).toMatchObject({ tags: ['Sea', 'Books'], image: `${press.url}/pictures/lighthouse.png` })
  })

  test('escape what XML would take for markup', async () => {
    const titles = (await readHarbour()).items!.map(({ title }) => title)

    expect(titles).toContain('When 2 < 3 is worth arguing about')
    expect(await read(WELT!)).not.toContain('<title>Welt & Technik</title>')
  })

  test('are not sent again to who has them', async () => {
    for (const path of [WELT!, LAND!, HARBOUR!]) {
      const first = await open(path)
      const etag = first.headers.get('etag')!
      const modified = first.headers.get('last-modified')!
      const since = (ago: object) => new Date(NOON.subtract(ago).epochMilliseconds).toUTCString()

      expect((await open(path, { headers: { 'If-None-Match': etag } })).status).toBe(304)
      expect((await open(path, { headers: { 'If-None-Match': `"other", W/${etag}` } })).status).toBe(304)
      expect((await open(path, { headers: { 'If-Modified-Since': modified } })).status).toBe(304)
      expect((await open(path, { headers: { 'If-Modified-Since': since({ hours: 1 }) } })).status).toBe(200)
      const both = { 'If-None-Match': '"other"', 'If-Modified-Since': modified }
      expect((await open(path, { headers: both })).status).toBe(200)
    }
  })

  test('get an article held back when it is published, and only theirs', async () => {
    const etag = (await open(WELT!)).headers.get('etag')!
    const before = (await open(LAND!)).headers.get('etag')!

    const later = NOON.add({ minutes: 3 })
    expect(press.publish(later)).toMatchObject({
      feed: `${press.url}/${WELT}`,
      title: expect.stringMatching(/Wärmenetz/),
    })

    expect((await open(WELT!, { headers: { 'If-None-Match': etag } })).status).toBe(200)
    expect((await open(LAND!, { headers: { 'If-None-Match': before } })).status).toBe(304)
    const { items } = await readWelt()
    expect(items).toHaveLength(16)
    expect(Date.parse(items![0]!.pubDate!)).toBe(later.epochMilliseconds)
  })

  test('get six such articles, two each, and then no more', async () => {
    const named = press.publish(NOON, 'harbour')
    const rest = [1, 2, 3, 4, 5].map((minutes) => press.publish(NOON.add({ minutes })))

    expect(named?.feed).toBe(`${press.url}/${HARBOUR}`)
    expect(rest.filter((article) => article !== null)).toHaveLength(5)
    expect([press.publish(NOON), press.publish(NOON, 'harbour')]).toEqual([null, null])
    expect((await readHarbour()).items).toHaveLength(16)
  })

  test('link to another address where one is given', async () => {
    const other = await startPublications({ now: NOON, baseUrl: 'https://demo.example/press' })

    const feed = parseJsonFeed(await (await fetch(`${other.url}/${HARBOUR}`)).text())
    await other.close()

    expect(feed.items![0]!.url).toBe('https://demo.example/press/harbour/forty-notebooks')
    expect(other.feeds[2]!.url).toBe('https://demo.example/press/harbour/feed.json')
  })
})

describe('the pages', () => {
  test('exist for every article of every feed, in its language, with its headline', async () => {
    const welt = (await readWelt()).items!.map(({ link, title }) => ({ url: link!, title: title! }))
    const land = (await readLand()).entries!.map(({ links, title }) => ({
      url: links![0]!.href!,
      title: title!.value!,
    }))
    const harbour = (await readHarbour()).items!.map(({ url, title }) => ({ url: url!, title: title! }))
    for (const { url, title } of [...welt, ...land, ...harbour]) {
      const page = await (await fetch(url)).text()
      expect(page).toContain(`<html lang="${url.includes('/harbour/') ? 'en' : 'de'}">`)
      expect(page).toContain(`<h1>${title.replaceAll('<', '&lt;')}</h1>`)
    }
  })

  test('show the picture with its text, the date in a named zone, and other articles', async () => {
    const page = await read('welt-und-technik/heisser-sand')

    expect(page).toMatch(
      /<img src="[^"]+\/pictures\/wind-farm\.png" width="800" height="450" alt="Drei Windräder[^"]+">/,
    )
    expect(page).toContain('30. März 2031, 13:55 (Europe/Berlin)')
    expect(page.match(/<h3>/g)).toHaveLength(3)
    expect(page).not.toMatch(/\{[{%]/)
  })

  test('list the publications, and each publication its articles', async () => {
    const index = await read('')
    for (const { title } of DEMO_PUBLICATIONS) expect(index).toContain(`>${title.replace('&', '&amp;')}</a>`)
    expect((await read('landblatt')).match(/<h2>/g)).toHaveLength(13)
  })

  test('keep an article held back to themselves until it is published', async () => {
    expect((await open('welt-und-technik/waermenetz-erste-bilanz')).status).toBe(404)

    const article = press.publish(NOON)

    expect((await fetch(article!.url)).status).toBe(200)
  })

  test('of pictures can be kept by browsers, and are PNGs of 800 × 450', async () => {
    const names = new Set((await readArticles()).flatMap(({ picture }) => (picture === null ? [] : [picture.name])))
    expect(names.size).toBeGreaterThanOrEqual(12)
    for (const name of names) {
      const answer = await open(`pictures/${name}.png`)
      const png = Buffer.from(await answer.arrayBuffer())
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png'])
      expect(answer.headers.get('cache-control')).toBe('public, max-age=604800')
      expect([png.readUInt32BE(16), png.readUInt32BE(20), png.length < 40_000]).toEqual([800, 450, true])
    }
  })

  test('answer HEAD without a body, other methods with 405, and what is not there with 404', async () => {
    const head = await open(WELT!, { method: 'HEAD' })
    expect([head.status, await head.text(), Number(head.headers.get('content-length')) > 0]).toEqual([200, '', true])
    expect((await open(WELT!, { method: 'POST', body: 'x' })).status).toBe(405)
    for (const path of [
      'nothing',
      'landblatt/nothing',
      'landblatt/a/b',
      'pictures/bread.svg',
      'pictures/..%2f..%2fx.png',
    ]) {
      expect((await open(path)).status).toBe(404)
    }
  })

  test('need a port of their own', async () => {
    await expect(startPublications({ now: NOON, port: press.port })).rejects.toMatchObject({ code: 'demo.port' })
  })
})
