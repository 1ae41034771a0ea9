import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseFeed } from '../../../src/articles/feeds/parse-feed.ts'
import { CourantError } from '../../../src/errors.ts'

const FOLDER = join(import.meta.dirname, 'samples')
const samples = readdirSync(FOLDER).map((name) => readFileSync(join(FOLDER, name)))

/** One thing that happens to a document on its way; `at` and `to` are shares of its length. */
type Damage = { readonly kind: 'cut' | 'drop' | 'repeat' | 'flip' | 'insert'; readonly at: number; readonly to: number }

const SCRAPS = [
  '<',
  '>',
  '&',
  ']]>',
  '<![CDATA[',
  '<!--',
  '"',
  '</item>',
  '<item>',
  '</channel>',
  '\0',
  '\ufeff',
  '<title>',
]

function damage(body: Buffer, { kind, at, to }: Damage): Buffer {
  const [from, end] = [at, to].map((share) => Math.floor(share * body.length)).sort((a, b) => a - b) as [number, number]
  switch (kind) {
    case 'cut':
      return body.subarray(0, end)
    case 'drop':
      return Buffer.concat([body.subarray(0, from), body.subarray(end)])
    case 'repeat':
      return Buffer.concat([body.subarray(0, end), body.subarray(from)])
    case 'flip':
      return Buffer.concat([
        body.subarray(0, from),
        Buffer.of((body[from] ?? 0) ^ (1 << (end % 8))),
        body.subarray(from + 1),
      ])
    case 'insert':
      return Buffer.concat([
        body.subarray(0, from),
        Buffer.from(SCRAPS[end % SCRAPS.length] ?? ''),
        body.subarray(from),
      ])
  }
}

const share = fc.double({ min: 0, max: 1, noNaN: true })
const harm: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('cut', 'drop', 'repeat', 'flip', 'insert'),
  at: share,
  to: share,
})
const damaged = fc
  .tuple(fc.constantFrom(...samples), fc.array(harm, { minLength: 1, maxLength: 6 }))
  .map(([sample, harms]) => harms.reduce(damage, sample))

test('a damaged feed ends in well-formed articles or in a CourantError', () => {
  fc.assert(
    fc.property(
      damaged,
      fc.constantFrom(null, 'text/xml; charset=utf-16', 'text/html; charset=nonsense'),
      (body, contentType) => {
        try {
          const feed = parseFeed(body, { contentType, url: 'https://kurier.example/feed' })
          return feed.items.every(
            ({ url, title, publishedAt }) =>
              (url === null || URL.canParse(url)) && title.isWellFormed() && (publishedAt?.epochMilliseconds ?? 1) > 0,
          )
        } catch (error) {
          return error instanceof CourantError && error.code === 'feed.invalid'
        }
      },
    ),
    { numRuns: 600 },
  )
})

test('a feed that is cut off anywhere keeps the items before the cut', () => {
  const items = Array.from(
    { length: 5 },
    (_, at) => `<item><title>Nr. ${at}</title><link>https://a.example/${at}</link></item>`,
  )
  const text = `<rss version="2.0"><channel><title>x</title>${items.join('')}</channel></rss>`
  for (let end = text.indexOf('<item>'); end < text.length; end += 1) {
    const whole = text.slice(0, end).split('</item>').length - 1
    const feed = parseFeed(Buffer.from(text.slice(0, end)), { contentType: null, url: null })
    const urls = feed.items.slice(0, whole).map(({ url }) => url)
    expect(urls).toEqual(Array.from({ length: whole }, (_, at) => `https://a.example/${at}`))
  }
})
