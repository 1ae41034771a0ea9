import { setTimeout as wait } from 'node:timers/promises'
import type { Hono } from 'hono'
import { isLocale, phrase } from '../../locale/locale.ts'
import { sayList } from '../../locale/say-when.ts'
import type { FormLimits } from '../../subscribers/form-limits.ts'
import { requestByForm, type WrongField } from '../../subscribers/signup/request.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { networkOf } from '../middleware/client-address.ts'
import { openLimiter } from '../middleware/rate-limit.ts'
import { type Form, onlyValue, readForm } from '../middleware/read-form.ts'
import { isOwnPost } from '../middleware/same-origin.ts'
import { visitorOf } from '../middleware/visitor.ts'
import type { Language } from '../page-templates.ts'
import { languageOf } from '../pages/page-language.ts'
import { showProblem } from '../pages/problem.ts'
import { showPage } from '../pages/show-page.ts'
import { describeShown, externalEvidence, formEvidence, type ShownText } from './evidence.ts'
import { type FormChoices, frequenciesOf, readFormChoices, readTopics } from './form-choices.ts'
import { type EnteredFields, type FieldErrors, type FormSubmission, readSubmission, readTexts } from './form-fields.ts'
import { blankForm, formView } from './form-view.ts'

/** Longer than the statements of a request take. */
const ANSWER_AFTER_MS = 150

/** `/subscribe`: the form, and what it asks for. It may stand on any page, and answers alike for every address. */
export function routeSubscribe(app: Hono<SiteEnv>, site: Site): void {
  const limiter = openLimiter(site.config.subscribeLimit)
  app.get('/subscribe', async (c) => {
    const offer = await readFormChoices(site.db, c.req.query('newsletter') ?? null)
    return showForm(site, c, languageFor(c, offer), offer, blankForm(offer), {})
  })
  app.post('/subscribe', async (c) => {
    const waitSeconds = await limiter(networkOf(visitorOf(site, c).ip))
    if (waitSeconds !== null) return showTooMany(site, c, waitSeconds)
    const reading = await readForm(c)
    if (reading.kind === 'refused') return showProblem(site, c, reading.status)
    return take(site, c, reading.form)
  })
}

/** A posted form beside what was offered: what is asked for, or what is wrong. */
type Posted = {
  readonly offer: FormChoices
  readonly language: Language
  readonly typed: EnteredFields
  readonly chosen: FormChoices['newsletters']
  readonly asked: FormSubmission
  readonly wrongs: FieldErrors
}

async function readPosted(site: Site, c: SiteContext, form: Form): Promise<Posted> {
  const { typed, wrongs } = readTexts(form)
  const only = typed.newsletter.length === 1 && !isOwnPost(site, c) ? typed.newsletter[0] : null
  const offer = await readFormChoices(site.db, c.req.query('newsletter') ?? only ?? null)
  const wanted = typed.newsletter.length === 0 && offer.only !== null ? [offer.only.slug] : typed.newsletter
  const chosen = offer.newsletters.filter(({ slug }) => wanted.includes(slug))
  const topics = chosen.length === 0 ? [] : await readTopics(site.db, chosen)
  const read = readSubmission(typed, chosen, frequenciesOf(chosen), topics)
  const isUnknown = wanted.some((slug) => !chosen.some((one) => one.slug === slug))
  const unknown: FieldErrors = isUnknown ? { newsletter: { sentence: 'unknownNewsletter' } } : {}
  const language = languageFor(c, offer, onlyValue(form, 'lang'))
  return { offer, language, typed, chosen, asked: read.asked, wrongs: { ...read.wrongs, ...unknown, ...wrongs } }
}

async function take(site: Site, c: SiteContext, form: Form): Promise<Response> {
  const { offer, language, typed, chosen, asked, wrongs } = await readPosted(site, c, form)
  if (Object.keys(wrongs).length > 0) return showForm(site, c, language, offer, typed, wrongs)
  const { locale } = language
  const own = () => formEvidence(site, c, shownBy(offer, language), locale)
  const { address, name, schedule, topics } = asked
  const evidence = isOwnPost(site, c) ? own() : externalEvidence(site, c)
  const newsletterIds = chosen.map(({ id }) => id)
  const request = { newsletterIds, email: address, name, locale, schedule, topics, evidence }
  const sameTime = wait(site.answerAfterMs ?? ANSWER_AFTER_MS)
  const requesting = requestByForm(site.db, request, site.clock.now(), limitsOf(site))
  const [requested] = await Promise.all([requesting, sameTime])
  if (requested.kind === 'wrong') return showForm(site, c, language, offer, typed, sentencesFor(requested.fields))
  if (requested.isAlarm === true) site.log.error({ perHour: site.config.subscribeBudget }, 'subscribe.budget_spent')
  site.wake('notice')
  return showSubscribed(site, c, language, chosen, asked)
}

/** Networks of one neighbourhood together get twice what one gets. */
const NEIGHBOURS = 2

function limitsOf({ config: { subscribeLimit, subscribeBudget } }: Site): FormLimits {
  const neighbourhood = subscribeLimit && { ...subscribeLimit, requests: NEIGHBOURS * subscribeLimit.requests }
  return { neighbourhood, perHour: subscribeBudget }
}

/** For what only the stage that keeps requests knows to be wrong. */
function sentencesFor(fields: readonly WrongField[]): FieldErrors {
  const sentences = {
    newsletter: 'unknownNewsletter',
    email: 'address',
    name: 'control',
    frequency: 'frequency',
    topics: 'topics',
  }
  return Object.fromEntries(fields.map(({ field }) => [field, { sentence: sentences[field] }]))
}

function languageFor(c: SiteContext, { only, newsletters }: FormChoices, posted: string | null = null): Language {
  const language = languageOf(c, only?.locale ?? newsletters[0]?.locale ?? 'de')
  const isPosted = language.chosen === null && posted !== null && isLocale(posted)
  return isPosted ? { locale: posted, chosen: posted } : language
}

function shownBy({ only }: FormChoices, { locale }: Language): ShownText {
  const newsletters = only?.name ?? phrase(locale, 'pages.subscribe.chosen')
  return { sentence: 'subscribe.consent', button: 'subscribe.button', values: { newsletters } }
}

async function showForm(
  site: Site,
  c: SiteContext,
  language: Language,
  offer: FormChoices,
  typed: EnteredFields,
  wrongs: FieldErrors,
): Promise<Response> {
  const { locale } = language
  const { only } = offer
  const topics = only === null ? [] : await readTopics(site.db, [only])
  const title =
    only === null
      ? phrase(locale, 'pages.subscribe.title')
      : phrase(locale, 'pages.subscribe.titleOne', { name: only.name })
  return showPage(site, c, language, {
    template: 'subscribe',
    isPublic: c.req.method !== 'POST',
    title,
    newsletters: only === null ? [] : [only.name],
    branding: only,
    view: {
      ...formView(offer, topics, typed, wrongs, locale),
      consent: describeShown(shownBy(offer, language), locale),
    },
    status: Object.keys(wrongs).length === 0 ? 200 : 422,
  })
}

function showSubscribed(
  site: Site,
  c: SiteContext,
  language: Language,
  chosen: FormChoices['newsletters'],
  { address, suggestion }: FormSubmission,
): Response {
  const names = chosen.map(({ name }) => name)
  return showPage(site, c, language, {
    template: 'subscribed',
    title: phrase(language.locale, 'pages.subscribed.title'),
    newsletters: names,
    branding: chosen[0] ?? null,
    address,
    view: { address, suggestion, newsletters: sayList(names, language.locale) },
  })
}

function showTooMany(site: Site, c: SiteContext, waitSeconds: number): Response {
  c.header('Retry-After', String(waitSeconds))
  return showProblem(site, c, 429, '429', { minutes: Math.ceil(waitSeconds / 60) })
}
