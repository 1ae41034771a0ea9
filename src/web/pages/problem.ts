import { isTransient } from '../../db/transient.ts'
import { CourantError, codeOf } from '../../errors.ts'
import { type Locale, phrase } from '../../locale/locale.ts'
import type { Site, SiteContext } from '../context.ts'
import { languageOf } from './page-language.ts'
import { showPage } from './show-page.ts'

/** What can be wrong with a request as a whole; each has its words in `pages.problem`. */
type ProblemStatus = 400 | 403 | 404 | 405 | 413 | 415 | 429 | 500 | 503

/** First readers are German. */
const FALLBACK: Locale = 'de'

/** A page that says what is wrong and what to do, in the reader's language. `code` names words more exact than the status. */
export function showProblem(
  site: Site,
  c: SiteContext,
  status: ProblemStatus,
  code = String(status),
  values: Readonly<Record<string, number>> = {},
): Response {
  const language = languageOf(c, FALLBACK)
  const say = (part: string) => phrase(language.locale, `pages.problem.${code}.${part}`, values)
  const view = { heading: say('heading'), sentence: say('sentence') }
  return showPage(site, c, language, {
    template: 'problem',
    title: view.heading,
    newsletters: [],
    branding: null,
    view,
    status,
  })
}

/** The page of a fault of ours; the log gets its code and place, never its message, which may hold what was typed. */
export function showInternalError(site: Site, c: SiteContext, error: unknown): Response {
  const code = error instanceof CourantError ? error.code : 'internal'
  const place =
    error instanceof Error ? (error.stack ?? '').split('\n').find((line) => /^\s+at /.test(line)) : undefined
  const why = error instanceof CourantError && code.startsWith('template.') ? error.why : undefined
  const cause = codeOf(error instanceof CourantError ? error.cause : error) ?? undefined
  site.log.error({ code, why, cause, place: place?.trim() }, 'web.fault')
  const isBusy = code === 'subscriber.busy' || code.startsWith('database.') || isTransient(error)
  return showProblem(site, c, isBusy ? 503 : 500)
}
