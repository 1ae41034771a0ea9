import { Hono } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { routeArchive } from './archive/routes.ts'
import type { Site, SiteContext, SiteEnv, Web } from './context.ts'
import { limitBody } from './guard/body.ts'
import { forbidStoring } from './guard/caching.ts'
import { guardHeaders } from './guard/headers.ts'
import { pacePages } from './guard/pace.ts'
import { allowProxiesOnly } from './guard/proxies.ts'
import { logRequests } from './log.ts'
import { routeAssets } from './page/assets.ts'
import { openPages } from './page/pages.ts'
import { showFault, showProblem } from './page/problem.ts'
import { routeConfirm } from './public/confirm.ts'
import { routeHealth } from './public/health.ts'
import { routeHome } from './public/home.ts'
import { routeLegal } from './public/legal.ts'
import { routeSubscribe } from './public/subscribe.ts'
import { routeUndo } from './public/undo.ts'
import { routeUnsubscribe } from './public/unsubscribe.ts'

export type { Web } from './context.ts'

/**
 * The readers' pages as one app. GET and HEAD change nothing (DESIGN I4); page templates are read here, so that a fault in
 * one throws `template.invalid` at the start.
 */
export function makeApp(web: Web): Hono<SiteEnv> {
  const site: Site = { ...web, pages: openPages(web.config) }
  const app = new Hono<SiteEnv>()
  app.use(logRequests(site))
  app.use(forbidStoring())
  app.use(allowProxiesOnly(site))
  for (const [path, handle] of Object.entries(web.mounts ?? {})) {
    const pass = (c: SiteContext) => handle(c.req.raw)
    app.all(path, pass).all(`${path}/*`, pass)
  }
  app.use(guardHeaders(site))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => refuseMethod(site, c, methods) }))
  app.use(limitBody(site))
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
  app.onError((error, c) => showFault(site, c, error))
  return app
}

async function refuseMethod(site: Site, c: SiteContext, methods: readonly string[]): Promise<Response> {
  const response = await showProblem(site, c, 405)
  response.headers.set('Allow', methods.join(', '))
  return response
}
