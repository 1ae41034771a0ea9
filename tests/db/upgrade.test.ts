import { readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clockFrom, type Temporal } from '../../src/clock.ts'
import { migrateDatabase } from '../../src/db/migrate.ts'
import { runTick } from '../../src/scheduler/tick.ts'
import { confirm } from '../../src/subscribers/confirmation/confirm.ts'
import { openLinkKeys, signLink } from '../../src/subscribers/tokens.ts'
import { at, TUESDAY_SLOT } from '../scheduler/times.ts'
import { openTestDatabase } from '../support/database.ts'
import { freshSinks } from '../support/fresh.ts'
import { senderTo } from '../support/sender.ts'

/** The last migration of the version that filled the database, and what it held: the output of `pg_dump --data-only`. */
const LANDED = { tag: '0005_doubts_and_forms', at: 1_796_086_065_218 }
const ROWS = readFileSync(new URL(`./upgrade/${LANDED.tag}.sql`, import.meta.url), 'utf8')
const MIGRATIONS = readMigrationFiles({ migrationsFolder: new URL('../../drizzle', import.meta.url).pathname })
const KEYS = openLinkKeys(['a secret of the tests that is long enough'])
const SLOT = at(TUESDAY_SLOT)

const { db, close } = await openTestDatabase()
afterAll(close)
const sink = freshSinks()

/** A database as the last version left it: readers in every state, an edition half sent, a dead worker, requests that wait. */
beforeAll(async () => {
  await db.execute(sql`drop schema public cascade`)
  await db.execute(sql`create schema public`)
  await db.execute(sql`create table migration (hash text primary key, made_at bigint not null, made_by text)`)
  for (const { hash, folderMillis, sql: statements } of MIGRATIONS.filter((one) => one.folderMillis <= LANDED.at)) {
    for (const statement of statements) await db.execute(sql.raw(statement))
    await db.execute(sql`insert into migration (hash, made_at) values (${hash}, ${folderMillis})`)
  }
  await db.transaction(async (tx) => {
    // Rows come in the order of their tables' names, references to later ones included.
    await tx.execute(sql`set local session_replication_role = 'replica'`)
    for (const statement of ROWS.split(/;\n/).filter((line) => line.trim() !== '')) await tx.execute(sql.raw(statement))
  })
  expect(await migrateDatabase(db, SLOT)).toBeGreaterThan(0)
})

/** One pass of the scheduler; returns who was mailed what, sorted. */
async function tickAt(now: Temporal.Instant): Promise<readonly string[]> {
  const smtp = await sink()
  const sender = await senderTo(`${smtp.url}?connections=1`)
  const collecting = { userAgent: 'Courant/test', allowPrivate: true }
  await runTick(db, { sender, collecting, log: sender.log }, clockFrom(now))
  return smtp.messages
    .map(({ to, raw }) => `${to.split('@')[0]} ${/^Auto-Submitted:/im.test(raw.toString()) ? 'notice' : 'digest'}`)
    .sort()
}

test('the half-sent edition of an upgraded database goes on: nobody gets it twice, nobody is missed', async () => {
  expect(await tickAt(SLOT.add({ minutes: 20 }))).toEqual([
    'anna notice',
    'david digest',
    'erika digest',
    'karla notice',
  ])
  const ended = await db.execute(sql`
    select split_part(p.email, '@', 1) as reader, d.state, d.reason
    from delivery d join subscriber p on p.id = d.subscriber_id order by p.email`)
  const sent = { state: 'sent' }
  expect(ended.rows).toMatchObject([
    { reader: 'anna', ...sent },
    { reader: 'bernd', ...sent },
    { reader: 'clara', ...sent },
    { reader: 'david', ...sent },
    { reader: 'erika', ...sent },
    { reader: 'fritz', state: 'suppressed' },
    { reader: 'gerda', state: 'skipped', reason: 'unsubscribed' },
  ])
  expect((await db.execute(sql`select state, frequency from edition`)).rows).toEqual([
    { state: 'finished', frequency: 'daily' },
  ])
})

test('a request made before an upgrade is confirmed after it, with the preferences it was made with', async () => {
  const evidence = { shown: 'Ja', textVersion: 'v1', ip: null, userAgent: null }
  const token = signLink(KEYS, 'confirm', { id: 3, version: 1 })
  await confirm(db, KEYS, token, evidence, SLOT.add({ hours: 1 }))
  const found = await db.execute(sql`
    select s.state, c.frequency, c.hour, c.zone from subscription s
    join cohort c on c.id = s.cohort_id join subscriber p on p.id = s.subscriber_id where p.email like 'karla@%'`)
  expect(found.rows).toEqual([{ state: 'active', frequency: 'monthly', hour: 6, zone: 'Europe/Vienna' }])
})

test('readers who had unsubscribed stay unsubscribed, and their evidence keeps what they were shown', async () => {
  const found = await db.execute(sql`
    select split_part(p.email, '@', 1) as reader, s.unsubscribed_at is not null as dated, x.kind,
      (select count(*) from consent_record r where r.subscription_id = s.id and r.action = 'unsubscribed'
        and r.evidence is not null and r.ip = '192.0.2.7') as records
    from subscription s join subscriber p on p.id = s.subscriber_id
    left join withdrawal x on x.email_hash = p.email_hash and x.newsletter_id = s.newsletter_id
    where s.state = 'unsubscribed' order by p.email`)
  expect(found.rows).toEqual([
    { reader: 'gerda', dated: true, kind: 'unsubscribed', records: 1 },
    { reader: 'hans', dated: true, kind: 'unsubscribed', records: 1 },
  ])
  await expect(db.execute(sql`update consent_record set action = 'confirmed'`)).rejects.toThrow()
})

test('the next edition of an upgraded database brings what is new, to each reader once', async () => {
  await db.execute(sql`
    with made as (
      insert into article (source_id, url, url_key, title, title_key, text_hash, created_at, updated_at)
      select id, 'https://tagblatt.example/y', 'y', 'Noch eine Nachricht', 'y', 'y', created_at, created_at from source returning id
    )
    insert into entry (newsletter_id, article_id, created_at) select 1, id, ${SLOT.add({ hours: 2 }).toString()} from made`)
  const slot = SLOT.add({ hours: 24 })
  expect(await tickAt(slot)).toEqual(['anna', 'bernd', 'clara', 'david', 'erika'].map((reader) => `${reader} digest`))
  const entries = await db.execute(sql`
    select distinct v.entry_ids as entries from delivery d join variant v on v.id = d.variant_id
    where d.edition_id = 2 and d.state = 'sent'`)
  expect(entries.rows).toEqual([{ entries: [2] }])
})
