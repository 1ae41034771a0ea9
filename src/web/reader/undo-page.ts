import type { Hono } from 'hono'
import { phrase } from '../../locale/locale.ts'
import { sayList } from '../../locale/say-when.ts'
import { shortenAddress } from '../../mail/addresses/address.ts'
import type { UnsubscribeView } from '../../subscribers/unsubscribe/find-by-token.ts'
import { readUndo, undoUnsubscribe } from '../../subscribers/unsubscribe/undo.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { languageOf } from '../pages/page-language.ts'
import { showPage } from '../pages/show-page.ts'
import { routeActionPage } from './action-page.ts'
import { describeShown, type ShownText } from './evidence.ts'
import { brandingOf } from './page-branding.ts'

/** `/undo/:token`: takes back, for an hour, what was left by mistake. */
export function routeUndo(app: Hono<SiteEnv>, site: Site): void {
  const { db, linkKeys, clock } = site
  routeActionPage<UnsubscribeView>(app, site, {
    name: 'undo',
    read: (token) => readUndo(db, linkKeys, token, clock.now()),
    act: (token, evidence) => undoUnsubscribe(db, linkKeys, token, evidence, clock.now()),
    shownTo,
    show: (c, found) => show(site, c, found),
  })
}

function shownTo({ newsletter, email }: UnsubscribeView): ShownText {
  const values = { name: newsletter.name, address: shortenAddress(email) }
  return { sentence: 'undo.sentence', button: 'unsubscribed.undoButton', values }
}

async function show(site: Site, c: SiteContext, found: UnsubscribeView): Promise<Response> {
  const language = languageOf(c, found.locale)
  const template = found.state === 'unsubscribed' ? 'undo' : 'undone'
  const names = [found.newsletter, ...found.others].map(({ name }) => name)
  return showPage(site, c, language, {
    template,
    title: phrase(language.locale, `pages.${template}.title`),
    newsletters: [found.newsletter.name],
    branding: await brandingOf(site, found.newsletter.slug),
    address: found.email,
    view:
      found.state === 'unsubscribed'
        ? { sentence: describeShown(shownTo(found), language.locale) }
        : { names: sayList(names, language.locale), address: shortenAddress(found.email) },
  })
}
