import type { Site, SiteContext } from '../context.ts'
import { readClient } from './client-address.ts'

/** Where a request came from, as consent records keep it. */
type Visitor = { readonly ip: string | null; readonly userAgent: string | null }

const LONGEST_USER_AGENT = 300

/** The address the connection comes from: the reader's, or that of the proxy in front. */
export const remoteOf = (c: SiteContext): string | null => c.env?.incoming?.socket?.remoteAddress ?? null

/** Says where a request came from. */
export function visitorOf({ config }: Site, c: SiteContext): Visitor {
  return {
    ip: readClient(config.trustProxy, remoteOf(c), c.req.header('x-forwarded-for') ?? null),
    userAgent: c.req.header('user-agent')?.slice(0, LONGEST_USER_AGENT) ?? null,
  }
}
