import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { asc, eq } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Article } from '../../src/articles/build-article.ts'
import { listArticles } from '../../src/articles/sources/list-sources.ts'
import { addArticles, parseSubmitted } from '../../src/articles/submit.ts'
import { checkInput } from '../../src/articles/submitted.ts'
import { Temporal } from '../../src/clock.ts'
import { article, entry } from '../../src/db/schema/article.ts'
import { freshDatabase } from '../support/fresh.ts'
import { makeWorld } from '../support/world.ts'

const NOW = Temporal.Instant.from('2026-03-10T08:00:00Z')
const database = await freshDatabase()
let newsletterId: number
beforeEach(async () => {
  newsletterId = (await makeWorld(database.db)).newsletterId
})

const given = (value: Record<string, unknown>): Article => {
  const read = parseSubmitted({ url: 'https://kurier.example/1', title: 'Eins', ...value })
  if (read.kind === 'wrong') throw new Error(read.why)
  return read.article
}
const add = (...articles: Article[]) => addArticles(database.db, newsletterId, articles, NOW)

describe('a given article', () => {
  test('is as harmless as one from a feed', () => {
    const read = given({
      title: '<b>Eins</b>',
      contentHtml: '<p onclick="x()">Text<script>1</script> <a href="/2">mehr</a></p>',
      image: 'https://kurier.example/1.jpg',
      publishedAt: '2026-03-01T09:00:00+01:00',
      topics: ['Politik'],
    })
    expect(read).toMatchObject({
      title: 'Eins',
      contentHtml: '<p>Text <a href="https://kurier.example/2">mehr</a></p>',
      imageUrl: 'https://kurier.example/1.jpg',
      publishedAt: Temporal.Instant.from('2026-03-01T08:00:00Z'),
      topics: ['Politik'],
    })
  })

  test.each([
    [{ url: 'javascript:alert(1)' }, 'url: takes an http or https URL'],
    [{ title: '  ' }, 'title: takes text'],
    [{ publishedAt: 'gestern' }, 'publishedAt: takes a time like'],
    [{ topics: 'Politik' }, 'topics: '],
    [{ titel: 'x' }, 'titel'],
    [{ language: 'Deutsch, bitte' }, 'language: takes a language like de'],
  ])('with %j is refused with what and why', (change, why) => {
    const read = parseSubmitted({ url: 'https://kurier.example/1', title: 'Eins', ...change })
    expect(read).toEqual({ kind: 'wrong', why: expect.stringContaining(why) })
  })
})

describe('adding articles', () => {
  test('makes each an entry at once, however old', async () => {
    expect(
      await add(given({ publishedAt: '2001-01-01T00:00:00Z' }), given({ url: 'https://kurier.example/2' })),
    ).toEqual({ new: 2, updated: 0 })
    const rows = await database.db.select().from(entry).where(eq(entry.newsletterId, newsletterId))
    expect(rows).toHaveLength(2)
  })

  test('a second time changes what is different and adds nothing', async () => {
    await add(given({}), given({ url: 'https://kurier.example/2' }))
    expect(await add(given({ title: 'Neu' }), given({ url: 'https://kurier.example/2' }))).toEqual({
      new: 0,
      updated: 1,
    })
    expect(await add(given({ title: 'Alt' }), given({ title: 'Zuletzt' }))).toEqual({ new: 0, updated: 1 })
    const titles = (await database.db.select().from(article).orderBy(asc(article.id))).map(({ title }) => title)
    expect(titles.sort()).toEqual(['Eins', 'Zuletzt'])
  })

  test('shows them newest first, with their entry', async () => {
    await add(
      given({ url: 'https://kurier.example/old', title: 'Alt', publishedAt: '2026-01-01T00:00:00Z' }),
      given({ url: 'https://kurier.example/new', title: 'Neu', publishedAt: '2026-02-01T00:00:00Z' }),
    )
    const listed = await listArticles(database.db, newsletterId, 10)
    expect(listed.map(({ title, publishedAt }) => [title, publishedAt])).toEqual([
      ['Neu', '2026-02-01T00:00:00Z'],
      ['Alt', '2026-01-01T00:00:00Z'],
    ])
    expect(listed.every(({ entryId }) => entryId !== null)).toBe(true)
    expect(await listArticles(database.db, newsletterId, 1)).toHaveLength(1)
  })
})

describe('articles on standard input', () => {
  const line = (number: number, change: Record<string, unknown> = {}) =>
    JSON.stringify({
      url: `https://kurier.example/${number}`,
      title: `Nr. ${number}`,
      publishedAt: '2026-03-01T08:00:00Z',
      ...change,
    })
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('courant-articles-'))

  test('are read to the end, and come back in chunks as they were', async () => {
    const before = left()
    const lines = Array.from({ length: 1201 }, (_, index) => line(index + 1))
    const input = await checkInput(Readable.from([`\ufeff${lines.join('\r\n')}\n\n`]))
    // Killed now, the command leaves nothing.
    expect(left()).toEqual(before)
    const chunks = await Array.fromAsync(input.chunks())
    await input.remove()
    expect(input.rows).toBe(1201)
    expect(chunks.map(({ length }) => length)).toEqual([500, 500, 201])
    expect(chunks[0]?.[0]).toEqual(
      given({ url: 'https://kurier.example/1', title: 'Nr. 1', publishedAt: '2026-03-01T08:00:00Z' }),
    )
  })

  test('are all refused for wrong ones, which are named by line, and leave no file', async () => {
    const before = left()
    const lines = [line(1), '{"url":', line(3, { title: '' }), '[]', line(5)]
    await expect(checkInput(Readable.from([lines.join('\n')]))).rejects.toThrow(
      /3 lines are wrong.*Line 2: it is not JSON\. Line 3: title: takes text\. Line 4: /,
    )
    expect(left()).toEqual(before)
  })
})
