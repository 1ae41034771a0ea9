import type { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../db/client.ts'
import type { Logger } from '../log.ts'
import type { LinkKeys } from '../subscribers/tokens.ts'
import type { Pages } from './page-templates.ts'

/** What the web is given by whoever serves it. */
export type Web = {
  readonly db: Database
  readonly config: Pick<Config, 'baseUrl' | 'templatesDir' | 'trustProxy' | 'subscribeLimit' | 'subscribeBudget'>
  readonly linkKeys: LinkKeys
  readonly clock: Clock
  readonly log: Logger
  /** Called when a request left something to do, so that nobody waits for the next tick. */
  readonly wake: (queue: 'notice') => void
  readonly readHealth: () => Promise<{
    readonly ready: boolean
    readonly reasons: readonly string[]
    readonly warnings?: readonly string[]
  }>
  /** An answer to the subscribe form takes no less than this (150): its time says nothing about the address. */
  readonly answerAfterMs?: number
  /** This process sends mails, too: pages are let in at a pace that leaves it time for them. */
  readonly sendsToo?: boolean
  /** Paths handed through, each with all below it, to a handler that answers for itself. */
  readonly mounts?: Readonly<Record<string, (request: Request) => Promise<Response>>>
}

/** The web with its page templates read: what every route is given. */
export type Site = Web & { readonly pages: Pages }

/**
 * What goes along with a request: what node-server hands over (nothing where it was made without a socket), and what was
 * posted, read whole, unless the client went away.
 */
export type SiteEnv = {
  Bindings: { incoming?: IncomingMessage } | undefined
  Variables: { octets: Buffer; isAborted: boolean | undefined }
}
export type SiteContext = Context<SiteEnv>
