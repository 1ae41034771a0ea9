import type { Hono } from 'hono'
import { phrase } from '../../digest/locale.ts'
import { shortenAddress } from '../../mail/address.ts'
import type { Leaving } from '../../subscribe/leave.ts'
import { readUndo, undoLeave } from '../../subscribe/undo.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { isOwnPost } from '../guard/origin.ts'
import { languageOf } from '../page/language.ts'
import { showProblem } from '../page/problem.ts'
import { sayList } from '../page/say.ts'
import { showPage } from '../page/show.ts'
import { evidenceOf, type Shown, sayShown } from './evidence.ts'
import { lookOf } from './look.ts'

/** `/undo/:token`: takes back, for an hour, what was left by mistake. */
export function routeUndo(app: Hono<SiteEnv>, site: Site): void {
  const { db, linkKeys, clock } = site
  app.get('/undo/:token', async (c) => {
    const found = await readUndo(db, linkKeys, c.req.param('token'), clock.now())
    return found === null ? showProblem(site, c, 404, 'undo') : show(site, c, found)
  })
  app.post('/undo/:token', async (c) => {
    if (!isOwnPost(site, c)) return showProblem(site, c, 403)
    const token = c.req.param('token')
    const before = await readUndo(db, linkKeys, token, clock.now())
    if (before === null) return showProblem(site, c, 404, 'undo')
    const { locale } = languageOf(c, before.locale)
    const after = await undoLeave(db, linkKeys, token, evidenceOf(site, c, shownTo(before), locale), clock.now())
    return after === null ? showProblem(site, c, 404, 'undo') : show(site, c, after)
  })
}

function shownTo({ newsletter, email }: Leaving): Shown {
  const values = { name: newsletter.name, address: shortenAddress(email) }
  return { sentence: 'undo.sentence', button: 'left.undoButton', values }
}

async function show(site: Site, c: SiteContext, found: Leaving): Promise<Response> {
  const language = languageOf(c, found.locale)
  const template = found.state === 'left' ? 'undo' : 'undone'
  const names = [found.newsletter, ...found.others].map(({ name }) => name)
  return showPage(site, c, language, {
    template,
    title: phrase(language.locale, `pages.${template}.title`),
    newsletters: [found.newsletter.name],
    look: await lookOf(site, found.newsletter.slug),
    address: found.email,
    view:
      found.state === 'left'
        ? { sentence: sayShown(shownTo(found), language.locale) }
        : { names: sayList(names, language.locale), address: shortenAddress(found.email) },
  })
}
