import type { Hono } from 'hono'
import { type ArchivedEdition, listArchive, readArchivePage } from '../../editions/archive.ts'
import { CourantError } from '../../errors.ts'
import { sayDayWithYear } from '../../locale/dates.ts'
import { type Locale, phrase } from '../../locale/locale.ts'
import { findNewsletter, type Newsletter } from '../../newsletters/newsletters.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { limitConcurrentRequests } from '../middleware/concurrency.ts'
import { languageOf } from '../pages/page-language.ts'
import { showProblem } from '../pages/problem.ts'
import { showPage } from '../pages/show-page.ts'
import { openEditionPages } from './edition-page.ts'

/** Editions that are read and rendered at the same time, and readers who may wait for theirs. */
const MOST_AT_ONCE = 2
const MOST_WAITING = 50

/** The number of a page from 1; null for what is none. */
const pageNumber = (text: string) => (/^[1-9]\d{0,4}$/.test(text) ? Number(text) : null)

/** What no newsletter, edition or variant is called; longer names are looked for in vain. */
const LONGEST_NAME = 64

/**
 * `/archive/:newsletter` lists home editions; `/archive/:newsletter/:edition` shows one, and with a variant's public id
 * behind it (or as `?variant=`) all articles of that variant: where the mails' links lead. Articles come page by page
 * (`?page=2`), and few editions are read and rendered at once: whoever asks for many does not keep others waiting.
 */
export function routeArchive(app: Hono<SiteEnv>, site: Site): void {
  const showEdition = openEditionPages(site)
  const gate = limitConcurrentRequests(MOST_AT_ONCE, MOST_WAITING)
  app.get('/archive/:newsletter', async (c) => {
    const newsletter = await findBySlug(site, c.req.param('newsletter'))
    return newsletter === null ? showProblem(site, c, 404) : showList(site, c, newsletter)
  })
  app.get('/archive/:newsletter/:edition/:variant?', async (c) => {
    const { newsletter: slug, edition, variant = c.req.query('variant') ?? null } = c.req.param()
    const newsletter = await findBySlug(site, slug)
    if (newsletter === null || !isName(edition) || !isName(variant ?? edition)) return showProblem(site, c, 404)
    const page = pageNumber(c.req.query('page') ?? '1')
    if (page === null) return showProblem(site, c, 404)
    const path = `/archive/${slug}/${edition}${variant === null ? '' : `/${variant}`}`
    const answer = await gate(async () => {
      const found = await readArchivePage(site.db, newsletter.id, edition, variant, page)
      return found === null ? showProblem(site, c, 404) : showEdition(c, newsletter, found, path)
    })
    if (answer !== null) return answer
    c.header('Retry-After', '5')
    return showProblem(site, c, 503)
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
  const { editions, next } = await listArchive(
    site.db,
    newsletter.id,
    before !== null && isName(before) ? before : null,
  )
  return showPage(site, c, language, {
    template: 'archive',
    isPublic: true,
    title: phrase(locale, 'pages.archive.titleOf', { name: newsletter.name }),
    newsletters: [newsletter.name],
    branding: newsletter,
    view: {
      newsletter: { slug: newsletter.slug, name: newsletter.name },
      isFirst: before === null,
      next,
      editions: editions.map((edition) => listed(edition, newsletter, locale)),
    },
  })
}

function listed({ publicId, at, articles, headline }: ArchivedEdition, { zone }: Newsletter, locale: Locale) {
  return {
    publicId,
    headline,
    date: sayDayWithYear(at.toZonedDateTimeISO(zone).toPlainDate(), locale),
    articles: phrase(locale, 'pages.archive.articles', { count: articles }),
  }
}
