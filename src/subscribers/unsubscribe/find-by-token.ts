import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { SubscriptionState } from '../permission.ts'
import type { ReaderLocale } from '../subscribers.ts'
import { type LinkKeys, readLink, signLink } from '../tokens.ts'
import { findUndoable } from './undoable.ts'

/** A newsletter by its names. */
type NamedNewsletter = { readonly slug: string; readonly name: string }

/** What an unsubscribe link, or an undo link, is about. */
export type UnsubscribeView = {
  readonly subscriptionId: number
  readonly email: string
  readonly locale: ReaderLocale
  readonly newsletter: NamedNewsletter
  readonly state: SubscriptionState
  /** The reader's other subscriptions that they have not left. */
  readonly others: readonly NamedNewsletter[]
  /** For `undoUnsubscribe`: in the answer to the act of leaving alone, since whoever looks later may be somebody else. */
  readonly undoToken: string | null
}

/** Whose link it is. */
export type FoundSubscription = Omit<UnsubscribeView, 'others' | 'undoToken'> & { readonly subscriberId: number }

/** The subscription of an unsubscribe link; null for no such token, and for one made void. */
export async function findByToken(db: Database, keys: LinkKeys, token: string): Promise<FoundSubscription | null> {
  const link = readLink(keys, 'unsubscribe', token)
  if (link === null) return null
  return findSubscription(db, sql`s.id = ${link.id} and s.token_version = ${link.version}`)
}

/** The one subscription of a condition; null for none. */
export async function findSubscription(db: Database, wanted: SQL): Promise<FoundSubscription | null> {
  const rows = await readRows(db, wanted)
  const row = rows[0]
  if (row === undefined) return null
  const { slug, name, ...leaver } = row
  return { ...leaver, newsletter: { slug, name } }
}

/** Adds the reader's others; nothing can be taken back. */
export async function describeUnsubscribe(
  db: Database,
  { subscriberId, ...leaver }: FoundSubscription,
): Promise<UnsubscribeView> {
  const others = await readRows(
    db,
    sql`s.subscriber_id = ${subscriberId} and s.id <> ${leaver.subscriptionId} and s.state <> 'unsubscribed'
      and l.state <> 'deleted'`,
  )
  return { ...leaver, others: others.map(({ slug, name }) => ({ slug, name })), undoToken: null }
}

/** The token that takes back the act of leaving of this consent record, while it can be; it is good for no other act. */
export async function makeUndoToken(
  db: Database,
  keys: LinkKeys,
  subscriptionId: number,
  act: SQL<number>,
  now: Temporal.Instant,
): Promise<string | null> {
  const undoable = await findUndoable(db, act, now)
  const subject = undoable.find(({ id }) => id === subscriptionId) ?? undoable[0]
  return subject === undefined ? null : signLink(keys, 'undo', { id: subject.recordId, version: subject.tokenVersion })
}

async function readRows(db: Database, wanted: SQL) {
  type Row = Omit<FoundSubscription, 'newsletter'> & NamedNewsletter
  const found = await db.execute<Row>(sql`
    select s.id as "subscriptionId", s.subscriber_id as "subscriberId", s.state, p.email, p.locale, l.slug, l.name
    from subscription s join subscriber p on p.id = s.subscriber_id join newsletter l on l.id = s.newsletter_id
    where ${wanted}
    order by l.name, s.id`)
  return found.rows
}
