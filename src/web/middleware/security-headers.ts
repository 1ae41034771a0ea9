import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { Site, SiteEnv } from '../context.ts'

/** Pages that need a token are no search engine's business. */
const PRIVATE = /^\/(confirm|unsubscribe|undo|preferences)\//
const HTTPS_ONLY = 'max-age=15552000'

/**
 * Headers of every answer: no script, no inline style, no referrer, no frame but for the form, which publishers embed.
 * Pictures come from anywhere on an edition's page, as in the mail it shows.
 */
export function setSecurityHeaders({ config }: Site): MiddlewareHandler<SiteEnv> {
  const common = {
    referrerPolicy: 'no-referrer',
    crossOriginResourcePolicy: false,
    strictTransportSecurity: config.baseUrl.startsWith('https:') ? HTTPS_ONLY : false,
  }
  const policy = (frameAncestors: string, pictures: readonly string[]) =>
    secureHeaders({
      ...common,
      xFrameOptions: frameAncestors === '*' ? false : 'DENY',
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', ...pictures],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: [frameAncestors],
      },
    })
  const closed = policy("'none'", [])
  const embeddable = policy('*', [])
  const archive = policy("'none'", ['https:', 'http:'])
  return async (c, next) => {
    const { path } = c.req
    if (PRIVATE.test(path)) c.header('X-Robots-Tag', 'noindex')
    if (path === '/subscribe') return embeddable(c, next)
    return (path.startsWith('/archive/') ? archive : closed)(c, next)
  }
}
