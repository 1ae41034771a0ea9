import type { Site, SiteContext } from '../context.ts'
import { readClient } from './client.ts'

/** Where a request came from, as consent records keep it. */
type Visitor = { readonly ip: string | null; readonly userAgent: string | null }

const LONGEST_USER_AGENT = 300

/** Says where a request came from. */
export function visitorOf({ config }: Site, c: SiteContext): Visitor {
  const remote = c.env?.incoming?.socket?.remoteAddress ?? null
  return {
    ip: readClient(config.trustProxy, remote, c.req.header('x-forwarded-for') ?? null),
    userAgent: c.req.header('user-agent')?.slice(0, LONGEST_USER_AGENT) ?? null,
  }
}
