import type { Hono } from 'hono'
import { phrase } from '../../locale/locale.ts'
import { mailtoOf } from '../../mail/addresses/mailto.ts'
import { listNewsletters } from '../../newsletters/newsletters.ts'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { languageOf } from '../pages/page-language.ts'
import { showPage } from '../pages/show-page.ts'

/** `/imprint` and `/privacy`: who publishes each newsletter, and what is kept of its readers. */
export function routeLegal(app: Hono<SiteEnv>, site: Site): void {
  app.get('/imprint', (c) => showLegal(site, c, 'imprint'))
  app.get('/privacy', (c) => showLegal(site, c, 'privacy'))
}

/** The privacy text is a template of its own for each language, so that publishers can replace it whole. */
async function showLegal(site: Site, c: SiteContext, page: 'imprint' | 'privacy'): Promise<Response> {
  const newsletters = await listNewsletters(site.db)
  const language = languageOf(c, newsletters[0]?.locale ?? 'de')
  const { locale } = language
  const publishers = newsletters.map(({ slug, name, imprint, replyTo, fromAddress }) => ({
    slug,
    name,
    contact: replyTo ?? fromAddress,
    mailto: mailtoOf(replyTo ?? fromAddress),
    imprint: (imprint ?? '').split(/\r?\n/).filter((line) => line.trim() !== ''),
  }))
  return showPage(site, c, language, {
    isPublic: true,
    template: page === 'privacy' ? `privacy.${locale}` : 'imprint',
    title: phrase(locale, `pages.${page}.title`),
    newsletters: newsletters.length === 1 ? newsletters.map(({ name }) => name) : [],
    branding: newsletters.length === 1 ? (newsletters[0] ?? null) : null,
    view: { publishers },
  })
}
