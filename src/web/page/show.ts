import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { LOCALES } from '../../digest/locale.ts'
import { shortenAddress } from '../../mail/address/address.ts'
import type { Newsletter } from '../../subscribe/newsletter/newsletters.ts'
import type { Site, SiteContext } from '../context.ts'
import { FOR_EVERYBODY } from '../guard/caching.ts'
import { colourSheetName } from './colours.ts'
import type { Language } from './pages.ts'
import { sayList } from './say.ts'

/** A page to show: its template, whose newsletters and reader it names in its head, and what the template is given. */
export type Page = {
  readonly template: string
  readonly title: string
  /** Names for the head; none on pages about no newsletter. */
  readonly newsletters: readonly string[]
  /** Gives the page its colours. */
  readonly look: Pick<Newsletter, 'accent' | 'headlineColour' | 'headlineFont'> | null
  /** In full; the page shows it shortened. */
  readonly address?: string | null
  readonly view: object
  /** The same for everybody: says nothing about a reader and repeats nothing that was typed, so a cache may keep it. */
  readonly isPublic?: boolean
  readonly status?: ContentfulStatusCode
}

/** Says each language in itself. */
const LANGUAGE_NAMES = { de: 'Deutsch', en: 'English' } as const

/** Renders a page into the common frame: head with newsletter, reader and language, foot with imprint and privacy. */
export function showPage(site: Site, c: SiteContext, language: Language, page: Page): Response {
  const frame = {
    locale: language.locale,
    title: page.title,
    newsletter: page.newsletters.length === 0 ? null : sayList(page.newsletters, language.locale),
    address: page.address == null ? null : shortenAddress(page.address),
    colours: colourSheetName(page.look),
    headlines: page.look?.headlineFont ?? 'serif',
    isEmbeddable: c.req.path === '/subscribe',
    languages: LOCALES.map((locale) => ({
      locale,
      name: LANGUAGE_NAMES[locale],
      isCurrent: locale === language.locale,
      href: hrefIn(locale, c),
    })),
  }
  // A template that fails becomes a page of its own: no header of this one may be set by then.
  const html = site.pages.render(page.template, language, { ...page.view, frame })
  c.header('Vary', 'Accept-Language')
  c.header('Content-Language', language.locale)
  if (page.isPublic === true) c.header('Cache-Control', FOR_EVERYBODY)
  return c.html(html, page.status ?? 200)
}

/** The same address in another language. */
function hrefIn(locale: string, c: SiteContext): string {
  const query = new URLSearchParams(new URL(c.req.url).search)
  query.set('lang', locale)
  return `?${query}`
}
