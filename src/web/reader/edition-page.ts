import { composeDigest } from '../../digest/compose/compose.ts'
import type { DigestArticle } from '../../digest/compose/entry-view.ts'
import { readPublication } from '../../digest/variant.ts'
import type { ArchivePage } from '../../editions/archive.ts'
import { sayDate, sayDayWithYear } from '../../locale/dates.ts'
import { phrase } from '../../locale/locale.ts'
import type { Newsletter } from '../../newsletters/newsletters.ts'
import type { Site, SiteContext } from '../context.ts'
import { fingerprint, openPageCache } from '../page-cache.ts'
import type { Language } from '../page-templates.ts'
import { languageOf } from '../pages/page-language.ts'
import { hrefIn, type PageContent, renderPage, sendPage } from '../pages/show-page.ts'

/** At most 4 MB. */
const MOST_KEPT = 40

/** Answers with a page of an edition; `path` is that of its first page. */
type EditionPages = (c: SiteContext, newsletter: Newsletter, edition: ArchivePage, path: string) => Promise<Response>

/** Shows pages of editions. What was rendered is kept for the next reader, and not sent to one who has it (ETag). */
export function openEditionPages(site: Site): EditionPages {
  const kept = openPageCache(MOST_KEPT)
  return async (c, newsletter, edition, path) => {
    const language = languageOf(c, newsletter.locale)
    const parts = [language, hrefIn(language.locale, c), path, newsletter, edition]
    const found = kept.find(parts)
    const page = async () => pageOf(site, language, newsletter, edition, await edition.readArticles(), path)
    const html = found ?? renderPage(site, c, language, await page())
    if (found === null) kept.keep(parts, html)
    if (!edition.home) c.header('X-Robots-Tag', 'noindex')
    c.header('ETag', `"${fingerprint(html)}"`)
    return sendPage(c, language, { isPublic: true }, html)
  }
}

function pageOf(
  site: Site,
  { locale }: Language,
  newsletter: Newsletter,
  edition: ArchivePage,
  articles: readonly DigestArticle[],
  path: string,
): PageContent {
  const { page, pages } = edition
  const count = articles.length
  const { lead, sections, intro, words } = composeDigest({
    publication: { ...readPublication(newsletter), maxArticles: count },
    locale,
    // What names no language of its own is in the newsletter's.
    articles: articles.map((one) => ({ ...one, language: one.language ?? newsletter.locale })),
    at: edition.at,
    intro: page === 1 ? edition.intro : null,
    browserUrl: '',
    moreUrl: '',
  })
  const day = sayDayWithYear(edition.at.toZonedDateTimeISO(newsletter.zone).toPlainDate(), locale)
  const numbered = phrase(locale, 'pages.archive.page', { page, pages })
  const pathOf = (number: number) => (number === 1 ? path : `${path}?page=${number}`)
  return {
    template: 'edition',
    title: [`${newsletter.name} – ${day}`, ...(page === 1 ? [] : [numbered])].join(', '),
    newsletters: [newsletter.name],
    branding: newsletter,
    links: {
      canonical: `${site.config.baseUrl}${pathOf(page)}`,
      previous: page === 1 ? null : pathOf(page - 1),
      next: page === pages ? null : pathOf(page + 1),
    },
    view: {
      newsletter: { slug: newsletter.slug, name: newsletter.name, locale: newsletter.locale },
      date: sayDate(edition.at, newsletter.zone, locale),
      lead,
      sections,
      intro,
      words,
      count,
      page: pages === 1 ? null : numbered,
    },
  }
}
