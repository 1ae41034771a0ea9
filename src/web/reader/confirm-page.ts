import type { Hono } from 'hono'
import { type Locale, phrase } from '../../locale/locale.ts'
import { sayList, sayMoment, sayWhen } from '../../locale/say-when.ts'
import { shortenAddress } from '../../mail/addresses/address.ts'
import {
  type Confirmation,
  type ConfirmedNewsletter,
  confirm,
  readConfirmation,
} from '../../subscribers/confirmation/confirm.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { languageOf } from '../pages/page-language.ts'
import { showPage } from '../pages/show-page.ts'
import { routeActionPage } from './action-page.ts'
import { describeShown, type ShownText } from './evidence.ts'
import { brandingOf } from './page-branding.ts'

/** `/confirm/:token`: one sentence and one button; the button confirms, looking does not. */
export function routeConfirm(app: Hono<SiteEnv>, site: Site): void {
  const { db, linkKeys, clock } = site
  routeActionPage<Confirmation>(app, site, {
    name: 'confirm',
    read: (token) => readConfirmation(db, linkKeys, token, clock.now()),
    act: (token, evidence) => confirm(db, linkKeys, token, evidence, clock.now()),
    shownTo,
    show: (c, found) => show(site, c, found),
  })
}

function shownTo({ newsletters, email }: Confirmation, locale: Locale): ShownText {
  const names = sayList(
    newsletters.map(({ name }) => name),
    locale,
  )
  return {
    sentence: 'confirm.sentence',
    button: 'confirm.button',
    values: { newsletters: names, address: shortenAddress(email) },
  }
}

async function show(site: Site, c: SiteContext, found: Confirmation): Promise<Response> {
  const language = languageOf(c, found.locale)
  const { locale } = language
  const template = found.state === 'open' ? 'confirm' : 'confirmed'
  return showPage(site, c, language, {
    template,
    title: phrase(locale, `pages.${template}.title`),
    newsletters: found.newsletters.map(({ name }) => name),
    branding: await brandingOf(site, found.newsletters[0]?.slug),
    address: found.email,
    view:
      found.state === 'open'
        ? { sentence: describeShown(shownTo(found, locale), locale) }
        : { address: shortenAddress(found.email), newsletters: found.newsletters.map((one) => viewOf(one, locale)) },
  })
}

function viewOf({ name, slug, schedule, topics, nextSlotAt }: ConfirmedNewsletter, locale: Locale) {
  return {
    name,
    slug,
    topics: topics.length === 0 ? null : sayList(topics, locale),
    first: schedule.frequency === 'instant' ? null : sayMoment(nextSlotAt, schedule.zone, locale),
    when: sayWhen(schedule, locale),
  }
}
