import { sql } from 'drizzle-orm'
import type { Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import { confirm } from '../../src/subscribers/confirmation/confirm.ts'
import { type Evidence, hashAddress, readHashKey } from '../../src/subscribers/consent.ts'
import { type FormAnswer, type FormRequest, requestByForm } from '../../src/subscribers/signup/request.ts'
import { openLinkKeys, signLink } from '../../src/subscribers/tokens.ts'
import type { UnsubscribeView } from '../../src/subscribers/unsubscribe/find-by-token.ts'
import { undoUnsubscribe } from '../../src/subscribers/unsubscribe/undo.ts'
import { unsubscribe } from '../../src/subscribers/unsubscribe/unsubscribe.ts'
import { NOON } from './fixtures.ts'

export const KEYS = openLinkKeys(['a secret that is long enough to sign'])
export const EVA = 'eva@example.com'
export const SHOWN: Evidence = { shown: 'Subscribe to Tagblatt?', textVersion: 'v1', ip: '192.0.2.7', userAgent: 'A/1' }

/** A reader fills in the form, saying nothing but what is given. */
export function ask(
  db: Database,
  newsletters: readonly Newsletter[],
  now: Temporal.Instant,
  said: Partial<FormRequest> = {},
): Promise<FormAnswer> {
  const schedule = { frequency: null, weekday: null, hour: null, zone: null }
  const newsletterIds = newsletters.map(({ id }) => id)
  const all = { newsletterIds, email: EVA, name: null, locale: null, schedule, topics: [], evidence: SHOWN, ...said }
  return requestByForm(db, all, now)
}

/** Asks, and what is due is mailed; returns the first mail's id. */
export async function askAndMail(
  db: Database,
  newsletters: readonly Newsletter[],
  now = NOON,
  said: Partial<FormRequest> = {},
): Promise<number> {
  await ask(db, newsletters, now, said)
  return (await sendMails(db, now))[0] ?? 0
}

/** A notice as kept; `subscriptionIds` are those it names. */
export type Mail = {
  readonly id: number
  readonly kind: string
  readonly state: string
  readonly dueAt: string
  readonly subscriptionIds: readonly number[]
}

export async function mails(db: Database): Promise<readonly Mail[]> {
  const found = await db.execute<Mail>(sql`
    select id, kind, state, to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "dueAt",
      payload -> 'subscriptionIds' as "subscriptionIds"
    from notice order by id`)
  return found.rows
}

/** What delivering does to the notices that are due: all are accepted. Returns their ids. */
export async function sendMails(db: Database, now: Temporal.Instant): Promise<readonly number[]> {
  const sent = await db.execute<{ id: number }>(sql`
    update notice set state = 'sent', sent_at = ${now.toString()}
    where state = 'queued' and due_at <= ${now.toString()} returning id`)
  return sent.rows.map(({ id }) => id).sort((a, b) => a - b)
}

export const confirmToken = (noticeId: number) => signLink(KEYS, 'confirm', { id: noticeId, version: 1 })
export const unsubscribeToken = (id: number, version = 1) => signLink(KEYS, 'unsubscribe', { id, version })

export const confirmMail = (db: Database, noticeId: number, now: Temporal.Instant) =>
  confirm(db, KEYS, confirmToken(noticeId), SHOWN, now)
export const leaveOne = (db: Database, id: number, now: Temporal.Instant) =>
  unsubscribe(db, KEYS, unsubscribeToken(id), { all: false }, SHOWN, now)
export const leaveAll = (db: Database, id: number, now: Temporal.Instant) =>
  unsubscribe(db, KEYS, unsubscribeToken(id), { all: true }, SHOWN, now)

/** Takes back what was just left, by the token its page shows. */
export const undo = (db: Database, left: UnsubscribeView | null, now: Temporal.Instant) =>
  undoUnsubscribe(db, KEYS, left?.undoToken ?? '', SHOWN, now)

/** Asks for, mails and confirms; the subscriptions are active afterwards. */
export async function join(db: Database, newsletters: readonly Newsletter[], now: Temporal.Instant): Promise<void> {
  await ask(db, newsletters, now)
  const [mail] = await sendMails(db, now)
  await confirmMail(db, mail ?? 0, now)
}

export async function suppress(
  db: Database,
  reason: 'bounced' | 'complained' | 'manual' | 'erased',
  at: Temporal.Instant,
  email = EVA,
): Promise<void> {
  const hash = hashAddress(await readHashKey(db), email)
  await db.execute(sql`
    insert into suppression (email_hash, reason, created_at) values (${hash}, ${reason}, ${at.toString()})`)
}

/** Every row a reader may leave behind, as text: two equal dumps mean that nothing changed. */
export async function dump(db: Database): Promise<string> {
  const tables = ['subscriber', 'subscription', 'consent_record', 'notice', 'suppression', 'opt_in', 'cohort', 'topic']
  const all: string[] = []
  for (const table of tables) {
    const rows = await db.execute(sql.raw(`select to_jsonb(t) as row from ${table} t order by id`))
    all.push(JSON.stringify([table, rows.rows]))
  }
  return all.join('\n')
}
