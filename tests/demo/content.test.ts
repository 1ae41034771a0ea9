import { describe, expect, test } from 'vitest'
import { Temporal } from '../../src/clock.ts'
import { DEMO_READERS } from '../../src/demo/demo-readers.ts'
import { type DemoArticle, parseArticle, readArticles } from '../../src/demo/press/demo-articles.ts'
import { DEMO_PUBLICATIONS } from '../../src/demo/press/publication.ts'

const NOON = Temporal.Instant.from('2031-03-30T12:00:00Z')

describe('the content', () => {
  const isOut = ({ appears }: DemoArticle) => appears.kind === 'published'
  const words = ({ title, summary, author, picture, bodyHtml }: DemoArticle) =>
    [title, summary, author, picture?.alt ?? '', bodyHtml.replace(/<[^>]+>/g, '')].join('\n')

  test('is at least 42 articles, five minutes to five days old, and six for later', async () => {
    const articles = await readArticles()
    const ages = articles.flatMap(({ appears }) => (appears.kind === 'published' ? [appears.minutesAgo] : []))

    expect(articles.filter(isOut).length).toBeGreaterThanOrEqual(42)
    expect(articles.filter((article) => !isOut(article))).toHaveLength(6)
    expect([Math.min(...ages), Math.max(...ages)]).toEqual([5, 6900])
    expect(new Set(articles.map(({ title }) => title)).size).toBe(articles.length)
  })

  test('has summaries of one or two whole sentences and texts of two to four paragraphs', async () => {
    for (const { slug, summary, bodyHtml } of await readArticles()) {
      expect([slug, summary.match(/[.?!]”?(?= |$)/g)?.length]).toEqual([
        slug,
        expect.toSatisfy((n) => n === 1 || n === 2),
      ])
      expect([slug, /[.?!]$/.test(summary)]).toEqual([slug, true])
      expect([slug, bodyHtml.match(/<p>/g)!.length]).toEqual([slug, expect.toSatisfy((n) => n >= 2 && n <= 4)])
    }
  })

  test('is set like print: curly quotes, dashes, no break between a number and its unit', async () => {
    for (const article of await readArticles()) {
      expect(words(article)).not.toMatch(/["']| - |\.\.\.|\d [%€]|\d °C/)
      if (article.publication.language === 'de') expect(words(article)).not.toMatch(/[”’]/)
    }
  })

  test('has two to six topics in each publication, and readers pick among these', async () => {
    const articles = await readArticles()
    const all = new Set(articles.filter(isOut).flatMap(({ topics }) => topics))
    for (const publication of DEMO_PUBLICATIONS) {
      const own = new Set(articles.filter((one) => one.publication === publication).flatMap(({ topics }) => topics))
      expect(own.size).toBeGreaterThanOrEqual(2)
      expect(own.size).toBeLessThanOrEqual(6)
    }
    for (const { topics } of DEMO_READERS) expect(topics.filter((topic) => !all.has(topic))).toEqual([])
  })

  test('names the file and the field that is missing', () => {
    const read = () => parseArticle(DEMO_PUBLICATIONS[0]!, 'x', 'title: X\n\nText.')

    expect(read).toThrow(
      expect.objectContaining({ code: 'demo.content', message: expect.stringMatching(/\/x\.md has no summary/) }),
    )
  })
})

describe('the readers', () => {
  test('are 25 different people at example domains, in zones that exist', () => {
    expect(new Set(DEMO_READERS.map(({ email }) => email)).size).toBe(25)
    for (const { email, timeZone, frequency, weekday, hour } of DEMO_READERS) {
      expect(email).toMatch(/^[^@\s]+@example\.(com|net|org)$/)
      expect(NOON.toZonedDateTimeISO(timeZone).timeZoneId).toBe(timeZone)
      expect([weekday !== null, hour !== null]).toEqual([frequency === 'weekly', frequency !== 'instant'])
    }
  })

  test('have every frequency, both languages, and often no topics', () => {
    expect(new Set(DEMO_READERS.map(({ frequency }) => frequency)).size).toBe(5)
    expect(new Set(DEMO_READERS.map(({ locale }) => locale)).size).toBe(2)
    expect(DEMO_READERS.filter(({ topics }) => topics.length === 0).length).toBeGreaterThanOrEqual(10)
  })
})
