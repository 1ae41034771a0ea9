/**
 * Where a process may be killed, and how a statement on its way to the database is known as one of these. A fault point is
 * `name:moment:n`: at the n-th statement of that name, before it leaves, while it is under way, or after its answer came
 * and before anybody heard of it.
 */
export const STATEMENTS = {
  connect: /^select 1$/,
  'find edition': /select id, public_id, state, bound_entry_id from edition where newsletter_id/,
  'read slices': /select id, members, home from cohort/,
  'lock cohorts': /from cohort where [^;]* order by id for update$/,
  'lock batches': /order by b\.id for update of b$/,
  'read bound': /select coalesce\(max\(id\), 0\) as bound/,
  'read audience': /planned_(unsent|reader)/,
  select: /planned_(group|match|selection)/,
  'make edition': /insert into edition\s/,
  'write variants': /insert into variant/,
  'freeze articles': /insert into edition_article/,
  'write deliveries': /insert into delivery/,
  'write batches': /insert into batch/,
  supersede: /state = 'superseded'/,
  'move watermarks': /update (cohort|subscription s?) ?set seen_entry_id/,
  'move due times': /update cohort c set next_due_at/,
  'open sending': /update edition set\s+state = case/,
  begin: /^begin/i,
  commit: /^commit/i,
  lease: /skip locked/,
  requeue: /set state = 'queued', ambiguous = true/,
  claim: /prepared claim/,
  recheck: /select s\.id, s\.state, exists \(select from suppression/,
  account: /prepared account/,
  'end lease': /update batch s set owner = null, lease_until = null, sending = 0/,
  defer: /set state = 'deferred', retry_at = \$/,
  finish: /update edition e set state = 'finished'/,
  any: /^/,
} as const

/** The moments of a statement. */
export const MOMENTS = ['before', 'during', 'after'] as const

/**
 * The moments of a message: before its end leaves, when its end has been given to the kernel, and when the relay's reply has
 * come and nobody has heard of it.
 */
export const WIRE = ['dot:before', 'dot:after', 'reply:after'] as const

export type StatementName = keyof typeof STATEMENTS
