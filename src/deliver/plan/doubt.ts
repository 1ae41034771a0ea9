import { type SQL, sql } from 'drizzle-orm'

/**
 * The ids of a newsletter's subscriptions with an open delivery that may have arrived: a relay was lost between content and
 * reply, or a worker died. It is tried again as it is, under its own Message-ID; a newer one in its place would bring the
 * same articles in another message. Its reader is planned again once it has ended. Where the edition is paused or held nobody
 * tries again, and no reader is to wait for that: the newer one takes over.
 */
export const inDoubt = (newsletterId: number): SQL => sql`
  select d.subscription_id from delivery d join edition e on e.id = d.edition_id
  where e.newsletter_id = ${newsletterId} and e.state in ('planning', 'sending')
    and d.ambiguous and d.state in ('queued', 'deferred')`
