import { createHash } from 'node:crypto'
import { phrase } from '../../digest/locale.ts'
import { sayDate, sayDayWithYear } from '../../digest/typography/times.ts'
import { readPublication } from '../../digest/variant.ts'
import { composeDigest } from '../../digest/view/compose.ts'
import type { Newsletter } from '../../subscribe/newsletter/newsletters.ts'
import type { Site, SiteContext } from '../context.ts'
import { languageOf } from '../page/language.ts'
import type { Language } from '../page/pages.ts'
import { hrefIn, type Page, renderPage, sendPage } from '../page/show.ts'
import type { ShownEdition } from './editions.ts'

/** Pages rendered last, by all that they are made of: at most 4 MB. */
const MOST_KEPT = 40

/** Answers with a page of an edition; `path` is that of its first page. */
type EditionPages = (c: SiteContext, newsletter: Newsletter, edition: ShownEdition, path: string) => Response

/** Shows pages of editions. What was rendered is kept for the next reader, and not sent to one who has it (ETag). */
export function openEditionPages(site: Site): EditionPages {
  const kept = new Map<string, string>()
  return (c, newsletter, edition, path) => {
    const language = languageOf(c, newsletter.locale)
    const key = digestOf(JSON.stringify([language, hrefIn(language.locale, c), path, newsletter, edition]))
    const page = () => pageOf(site, language, newsletter, edition, path)
    const html = kept.get(key) ?? renderPage(site, c, language, page())
    kept.delete(key)
    kept.set(key, html)
    for (const oldest of kept.keys()) if (kept.size > MOST_KEPT) kept.delete(oldest)
    if (!edition.home) c.header('X-Robots-Tag', 'noindex')
    c.header('ETag', `"${digestOf(html)}"`)
    return sendPage(c, language, { isPublic: true }, html)
  }
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 22)

function pageOf(site: Site, { locale }: Language, newsletter: Newsletter, edition: ShownEdition, path: string): Page {
  const { page, pages } = edition
  const count = edition.articles.length
  const { lead, sections, intro, words } = composeDigest({
    publication: { ...readPublication(newsletter), maxArticles: count },
    locale,
    // What names no language of its own is in the newsletter's.
    articles: edition.articles.map((one) => ({ ...one, language: one.language ?? newsletter.locale })),
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
    isPublic: true,
    title: [`${newsletter.name} – ${day}`, ...(page === 1 ? [] : [numbered])].join(', '),
    newsletters: [newsletter.name],
    look: newsletter,
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
