import type { Hono } from 'hono'
import { type Locale, phrase } from '../../locale/locale.ts'
import { sayList } from '../../locale/say-when.ts'
import { shortenAddress } from '../../mail/addresses/address.ts'
import type { UnsubscribeView } from '../../subscribers/unsubscribe/find-by-token.ts'
import { readUnsubscribe, unsubscribe } from '../../subscribers/unsubscribe/unsubscribe.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { type Form, onlyValue, readForm } from '../middleware/read-form.ts'
import { isOwnPost } from '../middleware/same-origin.ts'
import { visitorOf } from '../middleware/visitor.ts'
import { languageOf } from '../pages/page-language.ts'
import { showProblem } from '../pages/problem.ts'
import { showPage } from '../pages/show-page.ts'
import { describeShown, formEvidence, type ShownText } from './evidence.ts'
import { brandingOf } from './page-branding.ts'

const ONE_CLICK = 'List-Unsubscribe=One-Click'

/** `/unsubscribe/:token`: the button leaves, looking does not; so does a mail program's one click (RFC 8058). */
export function routeUnsubscribe(app: Hono<SiteEnv>, site: Site): void {
  app.get('/unsubscribe/:token', async (c) => {
    const found = await readUnsubscribe(site.db, site.linkKeys, c.req.param('token'))
    if (found === null) return showProblem(site, c, 404, 'unsubscribe')
    return found.state === 'unsubscribed' ? showUnsubscribed(site, c, found, []) : showQuestion(site, c, found)
  })
  app.post('/unsubscribe/:token', async (c) => {
    const reading = await readForm(c)
    if (reading.kind === 'refused') return showProblem(site, c, reading.status)
    const token = c.req.param('token')
    if (isOneClick(reading.form)) return leaveByOneClick(site, c, token)
    if (!isOwnPost(site, c)) return showProblem(site, c, 403)
    return leaveByButton(site, c, token, onlyValue(reading.form, 'all') === '1')
  })
}

function isOneClick(form: Form): boolean {
  return onlyValue(form, 'List-Unsubscribe') === 'One-Click'
}

/** RFC 8058 §3.1: no cookie, no redirect, and only the newsletter of this link. */
async function leaveByOneClick(site: Site, c: SiteContext, token: string): Promise<Response> {
  const evidence = { shown: ONE_CLICK, textVersion: 'RFC 8058', ...visitorOf(site, c) }
  const left = await unsubscribe(site.db, site.linkKeys, token, { all: false }, evidence, site.clock.now())
  return left === null ? showProblem(site, c, 404, 'unsubscribe') : c.text('ok\n')
}

async function leaveByButton(site: Site, c: SiteContext, token: string, all: boolean): Promise<Response> {
  const before = await readUnsubscribe(site.db, site.linkKeys, token)
  if (before === null) return showProblem(site, c, 404, 'unsubscribe')
  const { locale } = languageOf(c, before.locale)
  const evidence = formEvidence(site, c, all ? allShown(before, locale) : oneShown(before), locale)
  const after = await unsubscribe(site.db, site.linkKeys, token, { all }, evidence, site.clock.now())
  if (after === null) return showProblem(site, c, 404, 'unsubscribe')
  return showUnsubscribed(site, c, after, all ? namesOf(before.others) : [])
}

const namesOf = (newsletters: UnsubscribeView['others']) => newsletters.map(({ name }) => name)

function oneShown({ newsletter, email }: UnsubscribeView): ShownText {
  const values = { name: newsletter.name, address: shortenAddress(email) }
  return { sentence: 'unsubscribe.sentence', button: 'unsubscribe.button', values }
}

function allShown({ others }: UnsubscribeView, locale: Locale): ShownText {
  const values = { names: sayList(namesOf(others), locale) }
  return { sentence: 'unsubscribed.allSentence', button: 'unsubscribed.allButton', values }
}

async function showQuestion(site: Site, c: SiteContext, found: UnsubscribeView): Promise<Response> {
  const language = languageOf(c, found.locale)
  const { name, slug } = found.newsletter
  return showPage(site, c, language, {
    template: 'unsubscribe',
    title: phrase(language.locale, 'pages.unsubscribe.title', { name }),
    newsletters: [name],
    branding: await brandingOf(site, slug),
    address: found.email,
    view: { sentence: describeShown(oneShown(found), language.locale) },
  })
}

/** What was left, and the ways on: back within the hour, or out of all others; `more` names what went with it. */
async function showUnsubscribed(
  site: Site,
  c: SiteContext,
  found: UnsubscribeView,
  more: readonly string[],
): Promise<Response> {
  const language = languageOf(c, found.locale)
  const { locale } = language
  const names = [found.newsletter.name, ...more]
  return showPage(site, c, language, {
    template: 'unsubscribed',
    title: phrase(locale, 'pages.unsubscribed.title'),
    newsletters: names,
    branding: await brandingOf(site, found.newsletter.slug),
    address: found.email,
    view: {
      token: c.req.param('token'),
      names: sayList(names, locale),
      address: shortenAddress(found.email),
      undoToken: found.undoToken,
      others: found.others.length === 0 ? null : sayList(namesOf(found.others), locale),
      allSentence: found.others.length === 0 ? null : describeShown(allShown(found, locale), locale),
    },
  })
}
