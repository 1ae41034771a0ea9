import { createHmac, type KeyObject } from 'node:crypto'
import { sql } from 'drizzle-orm'
import ipaddr from 'ipaddr.js'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { retryOnConflict } from '../db/retry-transaction.ts'
import { mailboxOf } from '../mail/addresses/mailbox.ts'
import { isProvider } from '../mail/addresses/suggest-domain.ts'
import { readHashKey } from './consent.ts'

/** How many forms are heeded: from one neighbourhood of networks, and in an hour in all; null for no limit. */
export type FormLimits = {
  readonly neighbourhood: { readonly requests: number; readonly seconds: number } | null
  readonly perHour: number | null
}

/** Whether a form is heeded; `isAlarm` once an hour, for the first that is one too many in all. */
type FormVerdict = { readonly isHeeded: boolean; readonly isAlarm: boolean }

const HOUR = 3_600
const DAY = 24 * HOUR
/** Tags and dots make many addresses of one mailbox; its plain spelling is limited as every address is (`opt-in-limits.ts`). */
const MOST_VARIANTS_A_DAY = 5
/** To one domain in an hour, but for providers that everybody has a mailbox at. */
const MOST_A_DOMAIN = 60
/** Neighbours of one network: an attacker has many /64 of a /48, and addresses of a /24. */
const IPV6_BITS = 48
const IPV4_BITS = 24
/** Counts all forms; says nothing about anybody, and so is no hash. */
const ALL_FORMS = Buffer.from('all')

type Counter = { readonly key: Buffer; readonly most: number; readonly seconds: number; readonly by: number }

/**
 * Counts a form, and says whether it is heeded: in the database, for all servers together. What is refused by one limit counts
 * for none of the next, so that nobody spends the limits of others. The same statements for every address.
 */
export async function countForm(
  db: Database,
  form: { readonly address: string; readonly ip: string | null },
  limits: FormLimits,
  now: Temporal.Instant,
): Promise<FormVerdict> {
  return retryOnConflict(db, async (tx) => {
    const hashKey = await readHashKey(tx)
    const network = networkCounter(hashKey, form.ip, limits)
    const passes = await count(tx, network === null ? [] : [network], now)
    const { checked, counted } = mailCounters(hashKey, form.address, passes ? 1 : 0)
    const passesMail = await count(tx, [...checked, ...counted], now, checked.length)
    const isCounted = passes && passesMail && limits.perHour !== null
    const most = limits.perHour ?? 0
    const all = await countAll(tx, { key: ALL_FORMS, most, seconds: HOUR, by: isCounted ? 1 : 0 }, now)
    const isSpent = isCounted && all > most
    return { isHeeded: passes && passesMail && !isSpent, isAlarm: isSpent && all === most + 1 }
  })
}

/** Forgets what was counted in times that are over. */
export async function forgetFormCounts(tx: Database, now: Temporal.Instant): Promise<void> {
  await tx.execute(sql`delete from form_count where until <= ${now.toString()}`)
}

/** Since the budget of an hour is spent: how many forms it has; null while it is not. */
export async function readSpentBudget(db: Database, now: Temporal.Instant): Promise<number | null> {
  const found = await db.execute<{ most: number }>(sql`
    select most from form_count where key = ${ALL_FORMS} and count > most and until > ${now.toString()}`)
  return found.rows[0]?.most ?? null
}

function networkCounter(hashKey: KeyObject, ip: string | null, { neighbourhood }: FormLimits): Counter | null {
  if (ip === null || neighbourhood === null) return null
  const { requests, seconds } = neighbourhood
  return { key: keyOf(hashKey, 'network', neighbourhoodOf(ip)), most: requests, seconds, by: 1 }
}

/** `counted` is never too much: the plain spelling of a mailbox is what its owner uses. */
function mailCounters(hashKey: KeyObject, address: string, by: number) {
  const mailbox = mailboxOf(address)
  const most = isProvider(mailbox.domain) ? 2 ** 30 : MOST_A_DOMAIN
  const domain = { key: keyOf(hashKey, 'domain', mailbox.domain), most, seconds: HOUR, by }
  const variants = {
    key: keyOf(hashKey, 'mailbox', mailbox.key),
    most: MOST_VARIANTS_A_DAY,
    seconds: DAY,
    by: mailbox.isVariant ? by : 0,
  }
  return mailbox.isVariant ? { checked: [domain, variants], counted: [] } : { checked: [domain], counted: [variants] }
}

/** The network around an address, which its neighbours share. */
function neighbourhoodOf(ip: string): string {
  const address = ipaddr.process(ip.replace(/%.*/, ''))
  const bits = address.kind() === 'ipv6' ? IPV6_BITS : IPV4_BITS
  const cidr = `${address.toString()}/${bits}`
  const network =
    address.kind() === 'ipv6' ? ipaddr.IPv6.networkAddressFromCIDR(cidr) : ipaddr.IPv4.networkAddressFromCIDR(cidr)
  return `${network}/${bits}`
}

const keyOf = (hashKey: KeyObject, kind: string, value: string): Buffer =>
  createHmac('sha256', hashKey).update(`form ${kind} ${value}`).digest()

/** Whether none of the first `checked` counters is over its limit. */
async function count(
  tx: Database,
  counters: readonly Counter[],
  now: Temporal.Instant,
  checked = counters.length,
): Promise<boolean> {
  const counts = await addTo(tx, counters, now)
  return counters.slice(0, checked).every(({ key, most }) => (counts.get(key.toString('hex')) ?? 0) <= most)
}

async function countAll(tx: Database, counter: Counter, now: Temporal.Instant): Promise<number> {
  const counts = await addTo(tx, [counter], now)
  return counts.get(counter.key.toString('hex')) ?? 0
}

/** In the order of keys, so that two forms do not wait in a ring. A time that ends later than one begun now is a wrong clock's. */
async function addTo(
  tx: Database,
  counters: readonly Counter[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<string, number>> {
  const rows = counters.map((counter) => ({ ...counter, key: counter.key.toString('hex') }))
  const found = await tx.execute<{ key: string; count: number }>(sql`
    insert into form_count as c (key, until, count, most)
    select decode(w.key, 'hex'), ${now.toString()}::timestamptz + w.seconds * interval '1 second', w.by, w.most
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w (key text, seconds integer, by integer, most integer)
    order by 1
    on conflict (key) do update set most = excluded.most,
      count = case when c.until between ${now.toString()}::timestamptz and excluded.until
        then least(c.count, 1000000000) + excluded.count else excluded.count end,
      until = case when c.until between ${now.toString()}::timestamptz and excluded.until
        then c.until else excluded.until end
    returning encode(key, 'hex') as key, count`)
  return new Map(found.rows.map((row) => [row.key, row.count]))
}
