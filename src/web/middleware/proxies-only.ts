import type { MiddlewareHandler } from 'hono'
import type { Site, SiteContext, SiteEnv } from '../context.ts'
import { isFromNetworks, readClient } from './client-address.ts'
import { remoteOf } from './visitor.ts'

/** RFC 1122 §3.2.1.3, RFC 4291 §2.5.3: this machine itself. */
const LOOPBACK = ['127.0.0.0/8', '::1/128']
const BELIEVES_NOBODY = { kind: 'hops', hops: 0 } as const
const HEALTH = ['/healthz', '/readyz']

/**
 * Where the trusted proxies are named, refuses every other connection, whatever it asks for and before its body is read:
 * nobody goes round the proxy. This machine may still ask how it is.
 */
export function allowProxiesOnly({ config }: Site): MiddlewareHandler<SiteEnv> {
  const trust = config.trustProxy
  if (trust.kind === 'hops') return (_, next) => next()
  return async (c, next) => {
    const remote = remoteOf(c)
    if (isFromNetworks(trust.networks, remote)) return next()
    if (isHealthCheck(c) && isFromNetworks(LOOPBACK, remote)) return next()
    const refused = readClient(BELIEVES_NOBODY, remote, null) ?? 'This address'
    return c.text(`${refused} is none of the proxies that TRUST_PROXY names.\n`, 403, {
      Connection: 'close',
    })
  }
}

const isHealthCheck = ({ req }: SiteContext) => HEALTH.includes(req.path) && ['GET', 'HEAD'].includes(req.method)
