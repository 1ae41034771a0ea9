import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Site, SiteEnv } from '../context.ts'

/** One line a request: its route's pattern, never its address, which may hold a token. */
export function logRequests({ log, clock }: Site): MiddlewareHandler<SiteEnv> {
  return async (c, next) => {
    const startedMs = clock.monotonicMs()
    await next()
    const route = routePath(c, -1)
    const facts = { method: c.req.method, route, status: c.res.status, ms: Math.round(clock.monotonicMs() - startedMs) }
    if (c.get('isAborted')) log.debug({ ...facts, aborted: true }, 'web.request')
    else if (route.endsWith('z')) log.debug(facts, 'web.request')
    else log.info(facts, 'web.request')
  }
}
