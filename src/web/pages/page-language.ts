import { accepts } from 'hono/accepts'
import { isLocale, LOCALES, type Locale } from '../../locale/locale.ts'
import type { SiteContext } from '../context.ts'
import type { Language } from '../page-templates.ts'

/** The language for a request: what `?lang=` says, else the browser's best (RFC 9110 §12.5.4), else `fallback`. */
export function languageOf(c: SiteContext, fallback: Locale): Language {
  const asked = c.req.query('lang') ?? ''
  if (isLocale(asked)) return { locale: asked, chosen: asked }
  const best = accepts(c, {
    header: 'Accept-Language',
    supports: [...LOCALES],
    default: fallback,
    match: (accepted) => {
      const ranked = accepted.filter(({ q }) => q > 0).sort((one, other) => other.q - one.q)
      const known = ranked.map(({ type }) => (type === '*' ? fallback : type.slice(0, 2).toLowerCase()))
      return known.find(isLocale) ?? fallback
    },
  })
  return { locale: isLocale(best) ? best : fallback, chosen: null }
}
