import { sql } from 'drizzle-orm'

/**
 * The ids of subscriptions in `planned_open` with an open delivery that may have arrived: a relay was lost between content
 * and reply, or a worker died. It is tried again as it is, under its own Message-ID; a newer one in its place would bring
 * the same articles in another message. Its reader is planned again once it has ended. Where the edition is paused or held
 * nobody tries again, and no reader is to wait for that: the newer one takes over.
 */
export const possiblySent = sql`select subscription_id from planned_open where in_doubt`
