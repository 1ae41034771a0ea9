import type { Site, SiteContext } from '../context.ts'

/**
 * Whether a form was posted from a page of ours. Browsers say so in Sec-Fetch-Site; older ones only in Origin, which is
 * `null` for our own forms too, since our pages send no referrer (Fetch §3.3). Who sends neither is no browser.
 */
export function isOwnPost({ config }: Site, c: SiteContext): boolean {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const origin = c.req.header('origin')
  if (origin === undefined || origin === 'null') return true
  return origin === new URL(config.baseUrl).origin || hostOf(origin) === c.req.header('host')
}

const hostOf = (origin: string) => URL.parse(origin)?.host
