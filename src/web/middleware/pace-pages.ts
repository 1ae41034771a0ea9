import { setTimeout as pause } from 'node:timers/promises'
import type { MiddlewareHandler } from 'hono'
import type { Site, SiteEnv } from '../context.ts'
import { showProblem } from '../pages/problem.ts'

/**
 * A page takes a millisecond of a thread that may be sending as well, and more of the machine: so pages take a third of it at
 * most, and 200 readers who look at a page for a second are never kept waiting (`npm run bench -- pages`).
 */
const EVERY_MS = 4.75
/** As many as came in no time at all, after a while in which few did. */
const BURST_MS = 500
/** Whoever would wait longer is told to come again, and not at once. */
const LONGEST_WAIT_MS = 1_000
const COME_AGAIN_SECONDS = 5

/** What takes next to nothing, or must be answered whatever else is asked for. */
const UNPACED = /^\/(assets\/|healthz$|readyz$)/

/**
 * Lets pages be asked for at a pace that leaves a send in the same process most of the machine: they wait for their turn for a
 * second, then it is 503. What is posted is not paced: a reader who unsubscribes is never sent away.
 */
export function pacePages(site: Site): MiddlewareHandler<SiteEnv> {
  const { clock } = site
  let turnMs = 0
  return async (c, next) => {
    if (!['GET', 'HEAD'].includes(c.req.method) || UNPACED.test(c.req.path)) return next()
    const nowMs = clock.monotonicMs()
    turnMs = Math.max(turnMs, nowMs - BURST_MS)
    const waitMs = turnMs - nowMs
    if (waitMs > LONGEST_WAIT_MS) {
      await pause(LONGEST_WAIT_MS)
      c.header('Retry-After', String(COME_AGAIN_SECONDS))
      return showProblem(site, c, 503)
    }
    turnMs += EVERY_MS
    if (waitMs > 0) await pause(waitMs)
    return next()
  }
}
