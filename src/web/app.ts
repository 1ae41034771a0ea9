import { Hono } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import type { Site, SiteContext, SiteEnv, Web } from './context.ts'
import { limitBodySize } from './middleware/limit-body.ts'
import { logRequests } from './middleware/log-requests.ts'
import { pacePages } from './middleware/pace-pages.ts'
import { allowProxiesOnly } from './middleware/proxies-only.ts'
import { setSecurityHeaders } from './middleware/security-headers.ts'
import { openPages } from './page-templates.ts'
import { routeAssets } from './pages/assets.ts'
import { noStore } from './pages/caching.ts'
import { showInternalError, showProblem } from './pages/problem.ts'
import { routeArchive } from './reader/archive-page.ts'
import { routeConfirm } from './reader/confirm-page.ts'
import { routeHealth } from './reader/health-page.ts'
import { routeHome } from './reader/home-page.ts'
import { routeLegal } from './reader/legal-pages.ts'
import { routeSubscribe } from './reader/subscribe-page.ts'
import { routeUndo } from './reader/undo-page.ts'
import { routeUnsubscribe } from './reader/unsubscribe-page.ts'

export type { Web } from './context.ts'

/**
 * The readers' pages as one app. GET and HEAD change nothing (DESIGN I4); page templates are read here, so that a fault in
 * one throws `template.invalid` at the start.
 */
export function makeApp(web: Web): Hono<SiteEnv> {
  const site: Site = { ...web, pages: openPages(web.config) }
  const app = new Hono<SiteEnv>()
  app.use(logRequests(site))
  app.use(noStore())
  app.use(allowProxiesOnly(site))
  for (const [path, handle] of Object.entries(web.mounts ?? {})) {
    const pass = (c: SiteContext) => handle(c.req.raw)
    app.all(path, pass).all(`${path}/*`, pass)
  }
  app.use(setSecurityHeaders(site))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => refuseMethod(site, c, methods) }))
  app.use(limitBodySize(site))
  if (site.sendsToo) app.use(pacePages(site))
  routeAssets(app, site)
  routeHealth(app, site)
  routeHome(app, site)
  routeSubscribe(app, site)
  routeConfirm(app, site)
  routeUnsubscribe(app, site)
  routeUndo(app, site)
  routeLegal(app, site)
  routeArchive(app, site)
  app.notFound((c) => showProblem(site, c, 404))
  app.onError((error, c) => showInternalError(site, c, error))
  return app
}

async function refuseMethod(site: Site, c: SiteContext, methods: readonly string[]): Promise<Response> {
  const response = await showProblem(site, c, 405)
  response.headers.set('Allow', methods.join(', '))
  return response
}
