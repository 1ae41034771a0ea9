import type { Hono } from 'hono'
import type { Locale } from '../../locale/locale.ts'
import type { Evidence } from '../../subscribers/consent.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { isOwnPost } from '../middleware/same-origin.ts'
import { languageOf } from '../pages/page-language.ts'
import { showProblem } from '../pages/problem.ts'
import { formEvidence, type ShownText } from './evidence.ts'

/** A page of a link's token with one sentence and one button; `read` and `act` find null where the link leads to nothing. */
type ButtonPage<Found> = {
  /** The first part of its path, and the name of the words that say that a link leads to nothing. */
  readonly name: 'confirm' | 'undo'
  readonly read: (token: string) => Promise<Found | null>
  /** What the button does, with the proof of what was shown beside it. */
  readonly act: (token: string, evidence: Evidence) => Promise<Found | null>
  readonly shownTo: (found: Found, locale: Locale) => ShownText
  readonly show: (c: SiteContext, found: Found) => Promise<Response>
}

/** Serves the page: looking changes nothing (DESIGN I4), and the button acts only from our own page. */
export function routeActionPage<Found extends { readonly locale: Locale }>(
  app: Hono<SiteEnv>,
  site: Site,
  { name, read, act, shownTo, show }: ButtonPage<Found>,
): void {
  const answer = (c: SiteContext, found: Found | null) =>
    found === null ? showProblem(site, c, 404, name) : show(c, found)
  app.get(`/${name}/:token`, async (c) => answer(c, await read(c.req.param('token'))))
  app.post(`/${name}/:token`, async (c) => {
    if (!isOwnPost(site, c)) return showProblem(site, c, 403)
    const token = c.req.param('token')
    const before = await read(token)
    if (before === null) return answer(c, before)
    const { locale } = languageOf(c, before.locale)
    return answer(c, await act(token, formEvidence(site, c, shownTo(before, locale), locale)))
  })
}
