import type { Hono } from 'hono'
import { type Locale, phrase } from '../../digest/locale.ts'
import { sayDate, sayDayWithYear } from '../../digest/typography/times.ts'
import { readPublication } from '../../digest/variant.ts'
import { composeDigest } from '../../digest/view/compose.ts'
import { CourantError } from '../../errors.ts'
import { findNewsletter, type Newsletter } from '../../subscribe/newsletter/newsletters.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { languageOf } from '../page/language.ts'
import { showProblem } from '../page/problem.ts'
import { showPage } from '../page/show.ts'
import { type ListedEdition, listEditions, readEdition, type ShownEdition } from './editions.ts'

/** What no newsletter, edition or variant is called; longer names are looked for in vain. */
const LONGEST_NAME = 64

/**
 * `/archive/:newsletter` lists home editions; `/archive/:newsletter/:edition` shows one, and with a variant's public id
 * behind it (or as `?variant=`) all articles of that variant: where the mails' links lead.
 */
export function routeArchive(app: Hono<SiteEnv>, site: Site): void {
  app.get('/archive/:newsletter', async (c) => {
    const newsletter = await findBySlug(site, c.req.param('newsletter'))
    return newsletter === null ? showProblem(site, c, 404) : showList(site, c, newsletter)
  })
  app.get('/archive/:newsletter/:edition/:variant?', async (c) => {
    const { newsletter: slug, edition, variant = c.req.query('variant') ?? null } = c.req.param()
    const newsletter = await findBySlug(site, slug)
    if (newsletter === null || !isName(edition) || !isName(variant ?? edition)) return showProblem(site, c, 404)
    const found = await readEdition(site.db, newsletter.id, edition, variant)
    return found === null ? showProblem(site, c, 404) : showEdition(site, c, newsletter, found)
  })
}

async function findBySlug(site: Site, slug: string): Promise<Newsletter | null> {
  if (!isName(slug)) return null
  return findNewsletter(site.db, slug).catch((error: unknown) => {
    if (error instanceof CourantError && error.code === 'newsletter.unknown') return null
    throw error
  })
}

const isName = (text: string) => text.length <= LONGEST_NAME && /^[\w-]+$/.test(text)

async function showList(site: Site, c: SiteContext, newsletter: Newsletter): Promise<Response> {
  const language = languageOf(c, newsletter.locale)
  const { locale } = language
  const before = c.req.query('before') ?? null
  const { editions, next } = await listEditions(
    site.db,
    newsletter.id,
    before !== null && isName(before) ? before : null,
  )
  return showPage(site, c, language, {
    template: 'archive',
    isPublic: true,
    title: phrase(locale, 'pages.archive.titleOf', { name: newsletter.name }),
    newsletters: [newsletter.name],
    look: newsletter,
    view: {
      newsletter: { slug: newsletter.slug, name: newsletter.name },
      isFirst: before === null,
      next,
      editions: editions.map((edition) => listed(edition, newsletter, locale)),
    },
  })
}

function listed({ publicId, at, articles, headline }: ListedEdition, { zone }: Newsletter, locale: Locale) {
  return {
    publicId,
    headline,
    date: sayDayWithYear(at.toZonedDateTimeISO(zone).toPlainDate(), locale),
    articles: phrase(locale, 'pages.archive.articles', { count: articles }),
  }
}

function showEdition(site: Site, c: SiteContext, newsletter: Newsletter, edition: ShownEdition): Response {
  const language = languageOf(c, newsletter.locale)
  const { locale } = language
  const count = edition.articles.length
  const { lead, sections, intro, words } = composeDigest({
    publication: { ...readPublication(newsletter), maxArticles: count },
    locale,
    // What names no language of its own is in the newsletter's.
    articles: edition.articles.map((one) => ({ ...one, language: one.language ?? newsletter.locale })),
    at: edition.at,
    intro: edition.intro,
    browserUrl: '',
    moreUrl: '',
  })
  const day = sayDayWithYear(edition.at.toZonedDateTimeISO(newsletter.zone).toPlainDate(), locale)
  if (!edition.home) c.header('X-Robots-Tag', 'noindex')
  return showPage(site, c, language, {
    template: 'edition',
    isPublic: true,
    title: `${newsletter.name} – ${day}`,
    newsletters: [newsletter.name],
    look: newsletter,
    view: {
      newsletter: { slug: newsletter.slug, name: newsletter.name, locale: newsletter.locale },
      date: sayDate(edition.at, newsletter.zone, locale),
      lead,
      sections,
      intro,
      words,
      count,
    },
  })
}
