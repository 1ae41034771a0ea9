import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { Temporal } from '../../src/clock.ts'
import { type DemoArticle, readArticles } from '../../src/demo/press/demo-articles.ts'
import type { Ad } from '../../src/digest/compose/ads.ts'
import {
  composeDigest,
  type DigestArticle,
  type DigestInput,
  type Publication,
} from '../../src/digest/compose/compose.ts'
import { composeConfirmation, type RequestedSubscription } from '../../src/digest/compose/confirmation-mail.ts'
import { readerFields } from '../../src/digest/compose/reader-fields.ts'
import { renderConfirmation, renderDigest } from '../../src/digest/render/render.ts'
import { loadTemplates, type Templates } from '../../src/digest/templates/templates.ts'
import type { Locale } from '../../src/locale/locale.ts'

/** A mail's HTML as a reader gets it, to be looked at in a browser. */
export type Sample = { readonly name: string; readonly locale: Locale; readonly html: string }

/** A Monday, 7:00 in Berlin. */
const AT = Temporal.Instant.from('2026-11-23T06:00:00Z')
const PICTURES = 'https://pictures.example/'
/** A logo of a width, which its address says, and its colour on each ground. */
const logoOf = (width: number) =>
  ({ url: `${PICTURES}${width}-0b5c7a.svg`, darkUrl: `${PICTURES}${width}-7cc4e0.svg`, width, height: 48 }) as const
const FOLDER = new URL('../../src/demo/content/pictures/', import.meta.url).pathname
const PAGE = 'https://news.example.org/archive/welt-und-technik/x1'

const PUBLICATIONS: Readonly<Record<Locale, Publication>> = {
  de: {
    slug: 'welt-und-technik',
    name: 'Welt & Technik',
    locale: 'de',
    zone: 'Europe/Berlin',
    imprint: 'Beispielverlag GmbH · Musterweg 1 · 10115 Berlin\nVerantwortlich: Mara Muster · welt@example.org',
    accent: '#0b5c7a',
    headlineColour: null,
    headlineFont: 'serif',
    logo: null,
    maxArticles: 12,
  },
  en: {
    slug: 'harbour',
    name: 'The Harbour Review',
    locale: 'en',
    zone: 'Europe/London',
    imprint: 'Example Press Ltd · 1 Sample Street · London\nharbour@example.org',
    accent: '#8a3b2e',
    headlineColour: null,
    headlineFont: 'sans',
    logo: null,
    maxArticles: 12,
  },
}

const AD: Ad = {
  title: 'Das Frühjahr auf zwei Rädern',
  text: 'Probefahrt bis zum 3. April, auch sonntags. Kommen Sie vorbei.',
  url: 'https://ads.example/rad',
  advertiser: 'Radhaus Beispiel',
  image: { url: `${PICTURES}bicycle.png`, alt: 'Ein Fahrrad' },
}

/** Every kind of mail in both languages, from few articles to more than fit, and with texts that are hard to set. */
export async function renderSamples(): Promise<readonly Sample[]> {
  const templates = await loadTemplates({ dir: null })
  const articles = (await readArticles()).map(toDigestArticle)
  const german = articles.filter(({ language }) => language === 'de')
  const english = articles.filter(({ language }) => language === 'en')
  const none = (given: readonly DigestArticle[]) => given.map((article) => ({ ...article, image: null }))
  const intro = {
    de: 'Guten Tag! Das Wichtigste aus zwei Zeitungen, die es nicht gibt.',
    en: 'Good morning from the harbour.',
  }
  return [
    digest(templates, 'digest-de', 'de', [...german, ...german, ...german, ...german], { intro: intro.de }),
    digest(templates, 'digest-en', 'en', english, { intro: intro.en }),
    digest(templates, 'digest-few-de', 'de', german.slice(0, 3)),
    digest(templates, 'digest-one-en', 'en', none(english).slice(0, 1)),
    digest(templates, 'digest-without-pictures-de', 'de', none(german).slice(0, 12)),
    digest(templates, 'digest-hard-de', 'de', hardArticles(german)),
    digest(templates, 'digest-logo-de', 'de', german.slice(0, 3), {
      publication: {
        ...PUBLICATIONS.de,
        logo: { ...logoOf(280), alt: null, place: 'instead' },
        headlineColour: '#0b5c7a',
      },
      ads: [AD],
    }),
    digest(templates, 'digest-logo-en', 'en', english.slice(0, 3), {
      publication: { ...PUBLICATIONS.en, logo: { ...logoOf(48), alt: 'A lighthouse', place: 'beside' } },
      ads: [{ ...AD, image: null, title: 'Sailing for beginners', text: 'From April, every Saturday.' }],
    }),
    digest(templates, 'digest-test-en', 'en', english.slice(0, 4), { test: 'This is a test of the next edition.' }),
    ...(['de', 'en'] as const).flatMap((locale) => [
      confirmation(templates, `confirmation-${locale}`, locale, 1),
      confirmation(templates, `reminder-${locale}`, locale, 3),
    ]),
  ]
}

/** Shows a sample in a page; its pictures come from the demo's folder, or (with `pictures` false) not at all. */
export async function showSample(page: Page, { html }: Sample, pictures = true): Promise<void> {
  await page.unrouteAll()
  await page.route(`${PICTURES}**`, async (route) => {
    if (!pictures) return route.abort()
    const name = new URL(route.request().url()).pathname.slice(1)
    const [, width, colour] = /^(\d+)-(\w+)\.svg$/.exec(name) ?? []
    if (width !== undefined) return route.fulfill({ contentType: 'image/svg+xml', body: drawLogo(width, `#${colour}`) })
    return route.fulfill({ contentType: 'image/png', body: await readFile(join(FOLDER, name)) })
  })
  await page.setContent(html, { waitUntil: 'load' })
}

/** A ring, in as much room as one beside the name has, or (wide) the one in its place. */
function drawLogo(width: string, colour: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 48"><circle cx="24" cy="24" r="20" fill="none" stroke="${colour}" stroke-width="6"/><path d="M64 24H270" stroke="${colour}" stroke-width="12"/></svg>`
}

function digest(
  templates: Templates,
  name: string,
  locale: Locale,
  articles: readonly DigestArticle[],
  facts: Partial<DigestInput> = {},
): Sample {
  const publication = PUBLICATIONS[locale]
  const numbered = articles.map((article, index) => ({ ...article, entryId: articles.length - index }))
  const links = { browserUrl: PAGE, moreUrl: `${PAGE}/all` }
  const view = composeDigest({ publication, locale, articles: numbered, at: AT, intro: null, ...links, ...facts })
  const since = Temporal.Instant.from('2026-05-03T08:00:00Z')
  const timing = { locale, zone: publication.zone, frequency: 'daily', weekday: null, hour: 7, since, at: AT } as const
  const reader = { name: '', address: 'leserin@example.net', unsubscribeUrl: 'https://news.example.org/unsubscribe/x' }
  return { name, locale, html: renderDigest(templates, view, { ...reader, ...readerFields(timing) }).html }
}

function confirmation(templates: Templates, name: string, locale: Locale, count: number): Sample {
  const { name: title, imprint, zone } = PUBLICATIONS[locale]
  const asked: RequestedSubscription[] = [
    { name: title, imprint, frequency: 'daily', weekday: null, hour: 7, zone },
    { name: 'Landblatt', imprint, frequency: 'weekly', weekday: 5, hour: 18, zone },
    { name: 'Die Auslese aus Wissenschaft und Kultur', imprint, frequency: 'instant', weekday: null, hour: null, zone },
  ]
  const view = composeConfirmation({
    kind: count === 1 ? 'confirmation' : 'reminder',
    locale,
    branding: PUBLICATIONS[locale],
    asked: asked.slice(0, count),
    address: 'leserin@example.net',
    confirmUrl: 'https://news.example.org/confirm/x',
  })
  return { name, locale, html: renderConfirmation(templates, view).html }
}

function toDigestArticle(article: DemoArticle, index: number): DigestArticle {
  const { publication, slug, title, summary, author, topics, picture } = article
  return {
    entryId: index,
    url: `https://${publication.slug}.example/${slug}`,
    title,
    summary,
    author,
    image: picture && { url: `${PICTURES}${picture.name}.png`, alt: picture.alt },
    publishedAt: AT.subtract({ minutes: 20 + index * 37 }),
    language: publication.language,
    topics,
    source: publication.title,
    readingMinutes: index % 3 === 0 ? 4 : null,
    alsoAt: index % 5 === 0 ? [{ source: 'Landblatt', url: 'https://landblatt.example/' }] : [],
  }
}

/** Titles without a blank, of 500 characters, in other scripts and directions, of emoji, and with tags in them. */
function hardArticles(given: readonly DigestArticle[]): DigestArticle[] {
  const titles: [string, string | null][] = [
    ['Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikationsgeheimnis'.repeat(7), 'de'],
    ['Ein Titel, der nicht enden will, weil niemand ihn gekürzt hat, '.repeat(8), 'de'],
    ['علماء يكتشفون نوعًا جديدًا من المرجان في البحر الأحمر بعد بحث دام عشر سنوات', 'ar'],
    ['東京で大規模な太陽光発電所が稼働開始。市民は電気代の引き下げに期待を寄せている', 'ja'],
    ['<b>Fett</b> & <script>alert(1)</script> {{ reader.name }} {% raw %}', 'de'],
    [`${'👩‍👩‍👧🏳️‍🌈'.repeat(12)} feiern`, 'de'],
    ['מדענים מגלים מין חדש של אלמוגים', 'he'],
    ['x'.repeat(300), null],
  ]
  return titles.flatMap(([title, language], index) => {
    const article = given[index % given.length]
    return article ? [{ ...article, title, language, topics: [title.slice(0, 60)], summary: title.repeat(2) }] : []
  })
}
