import type { Hono } from 'hono'
import { phrase } from '../../locale/locale.ts'
import { capitalised, sayWhen } from '../../locale/say-when.ts'
import { listNewsletters } from '../../newsletters/newsletters.ts'
import { homeSchedule } from '../../newsletters/schedule/home-cohort.ts'
import type { Site, SiteEnv } from '../context.ts'
import { languageOf } from '../pages/page-language.ts'
import { showPage } from '../pages/show-page.ts'

/** `/`: what there is to subscribe to. */
export function routeHome(app: Hono<SiteEnv>, site: Site): void {
  app.get('/', async (c) => {
    const newsletters = (await listNewsletters(site.db)).filter(({ state }) => state === 'active')
    const language = languageOf(c, newsletters[0]?.locale ?? 'de')
    const { locale } = language
    return showPage(site, c, language, {
      template: 'home',
      isPublic: true,
      title: phrase(locale, 'pages.home.title'),
      newsletters: [],
      branding: newsletters.length === 1 ? (newsletters[0] ?? null) : null,
      view: {
        newsletters: newsletters.map((newsletter) => ({
          slug: newsletter.slug,
          name: newsletter.name,
          when: capitalised(sayWhen(homeSchedule(newsletter), locale), locale),
        })),
      },
    })
  })
}
