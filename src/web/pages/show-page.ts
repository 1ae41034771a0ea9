import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { LOCALES } from '../../locale/locale.ts'
import { sayList } from '../../locale/say-when.ts'
import { shortenAddress } from '../../mail/addresses/address.ts'
import type { Newsletter } from '../../newsletters/newsletters.ts'
import type { Site, SiteContext } from '../context.ts'
import type { Language } from '../page-templates.ts'
import { SHARED_CACHE } from './caching.ts'
import { colourSheetName } from './colour-sheet.ts'

/** A page to show: its template, whose newsletters and reader it names in its head, and what the template is given. */
export type PageContent = {
  readonly template: string
  readonly title: string
  /** Names for the head; none on pages about no newsletter. */
  readonly newsletters: readonly string[]
  /** Gives the page its colours. */
  readonly branding: Pick<Newsletter, 'accent' | 'headlineColour' | 'headlineFont'> | null
  /** In full; the page shows it shortened. */
  readonly address?: string | null
  readonly view: object
  /** Where it has one true address, and neighbours: `canonical` in full, the others as paths. */
  readonly links?: { readonly canonical: string; readonly previous: string | null; readonly next: string | null }
  /** The same for everybody: says nothing about a reader and repeats nothing that was typed, so a cache may keep it. */
  readonly isPublic?: boolean
  readonly status?: ContentfulStatusCode
}

/** Says each language in itself. */
const LANGUAGE_NAMES = { de: 'Deutsch', en: 'English' } as const

/** Renders a page into the common frame: head with newsletter, reader and language, foot with imprint and privacy. */
export function showPage(site: Site, c: SiteContext, language: Language, page: PageContent): Response {
  // A template that fails becomes a page of its own: no header of this one may be set by then.
  return sendPage(c, language, page, renderPage(site, c, language, page))
}

/** The page in its frame, as HTML. */
export function renderPage(site: Site, c: SiteContext, language: Language, page: PageContent): string {
  const frame = {
    locale: language.locale,
    title: page.title,
    newsletter: page.newsletters.length === 0 ? null : sayList(page.newsletters, language.locale),
    address: page.address == null ? null : shortenAddress(page.address),
    colours: colourSheetName(page.branding),
    headlines: page.branding?.headlineFont ?? 'serif',
    links: page.links ?? null,
    isEmbeddable: c.req.path === '/subscribe',
    languages: LOCALES.map((locale) => ({
      locale,
      name: LANGUAGE_NAMES[locale],
      isCurrent: locale === language.locale,
      href: hrefIn(locale, c),
    })),
  }
  return site.pages.render(page.template, language, { ...page.view, frame }, page.isPublic === true)
}

/** Answers with a rendered page; a reader who has it already (its ETag is set) is told so instead. */
export function sendPage(
  c: SiteContext,
  language: Language,
  page: Pick<PageContent, 'isPublic' | 'status'>,
  html: string,
): Response {
  c.header('Vary', 'Accept-Language')
  c.header('Content-Language', language.locale)
  if (page.isPublic === true) c.header('Cache-Control', SHARED_CACHE)
  return isKnown(c) ? c.body(null, 304) : c.html(html, page.status ?? 200)
}

/** RFC 9110 §13.1.2. */
function isKnown(c: SiteContext): boolean {
  const tag = c.res.headers.get('etag')
  const known = (c.req.header('if-none-match') ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return tag !== null && known.includes(tag)
}

/** What says which page it is; anything else in an address is repeated nowhere. */
const SAYING = ['newsletter', 'before', 'variant', 'page']

/** The same address in another language. */
export function hrefIn(locale: string, c: SiteContext): string {
  const said = new URL(c.req.url).searchParams
  const query = new URLSearchParams([...said].filter(([name]) => SAYING.includes(name)))
  query.set('lang', locale)
  return `?${query}`
}
