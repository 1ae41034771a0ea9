import type { MiddlewareHandler } from 'hono'
import type { SiteEnv } from '../context.ts'

/** For pages that are the same for everybody: kept, but asked for again each time. RFC 9111 §5.2.2.4. */
export const SHARED_CACHE = 'no-cache'

/**
 * Lets no cache keep an answer that does not say itself how it may be kept, mounted pages and faults included: it may show
 * a reader's address or token, or what was typed (RFC 9111 §5.2.2.5).
 */
export function noStore(): MiddlewareHandler<SiteEnv> {
  return async (c, next) => {
    await next()
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store')
  }
}
