import { writeFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../../src/db/client.ts'
import { hashAddress, readHashKey } from '../../../src/subscribers/consent.ts'
import { importSubscribers } from '../../../src/subscribers/import/import.ts'
import { subscribe } from '../../../src/subscribers/signup/subscribe.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { actions, count, EVIDENCE, freshTagblatt, NOON, wish } from '../fixtures.ts'
import { counts, HEADER, openImportFolder, PROOF, readAll, readRejects, watching } from './importing.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const folder = openImportFolder()

const importText = (text: string | Buffer, newsletter?: string) => folder.importText(db, text, newsletter)

describe('importSubscribers, of who is known', () => {
  test('the same file again changes nothing more', async () => {
    const text = `email,topics,frequency,confirmedAt,evidence\na@example.com,Sport,weekly,${PROOF}\nb@example.com,,,,\n`
    await importText(text)
    await db.execute(sql`update notice set state = 'sent'`)
    const kept = () =>
      db.execute(sql`select s.*, c.members from subscription s join cohort c on c.id = s.cohort_id order by s.id`)
    const before = await kept()

    expect(await importText(text)).toEqual(counts({ rows: 2, unchanged: 2 }))

    expect((await kept()).rows).toEqual(before.rows)
    expect(await actions(db)).toHaveLength(2)
    expect(await count(db, 'notice')).toBe(1)
    expect(await count(db, 'topic')).toBe(1)
  })

  test('never raises consent: who is pending, paused, unsubscribed or suppressed stays so', async () => {
    for (const name of ['active', 'paused', 'unsubscribed'])
      await subscribe(db, wish(tagblatt, `${name}@example.com`, { confirmed: EVIDENCE }), NOON)
    await subscribe(db, wish(tagblatt, 'pending@example.com'), NOON)
    await db.execute(sql`
      update subscription s set state = split_part(p.email, '@', 1) from subscriber p where p.id = s.subscriber_id`)
    const hash = hashAddress(await readHashKey(db), 'suppressed@example.com')
    await db.execute(
      sql`insert into suppression (email_hash, reason, created_at) values (${hash}, 'erased', ${NOON.toString()})`,
    )

    const rows = ['active', 'paused', 'unsubscribed', 'pending', 'suppressed'].map(
      (name) => `${name}@example.com,Sport,Neu,${PROOF}`,
    )
    const result = await importText(`email,topics,name,confirmedAt,evidence\n${rows.join('\n')}\n`)

    expect(result).toMatchObject({ rows: 5, added: 0, updated: 3, unchanged: 0, pending: 0, rejected: 2 })
    expect(await readAll(db)).toMatchObject([
      { email: 'active@example.com', state: 'active', topics: ['Sport'], name: 'Neu' },
      { email: 'paused@example.com', state: 'paused', topics: ['Sport'], name: 'Neu' },
      { email: 'unsubscribed@example.com', state: 'unsubscribed', topics: [], name: null },
      { email: 'pending@example.com', state: 'pending', topics: ['Sport'], name: 'Neu' },
    ])
    expect(readRejects(result)).toEqual([
      'line,reason,email,topics,name,confirmedAt,evidence',
      `4,This reader left the newsletter; they come back by subscribing themselves.,unsubscribed@example.com,Sport,Neu,${PROOF}`,
      `6,"Nothing is sent to this address: it bounced, complained, was erased or was blocked.",suppressed@example.com,Sport,Neu,${PROOF}`,
    ])
  })

  test('rows of one address are worked off in order: the first decides on consent, later ones update', async () => {
    const text = `email,name,topics,confirmedAt,evidence\na@example.com,Eva,Sport,,\nA@Example.com,,Küche,${PROOF}\nb@example.com,Bo,,${PROOF}\nb@example.com,Bob,,,\n`

    expect(await importText(text)).toMatchObject({ rows: 4, added: 1, pending: 1, duplicates: 2 })
    expect(await readAll(db)).toMatchObject([
      { email: 'a@example.com', state: 'pending', name: 'Eva', topics: ['Küche'] },
      { email: 'b@example.com', state: 'active', name: 'Bob' },
    ])
    expect(await importText(text)).toMatchObject({ rows: 4, added: 0, pending: 0, unchanged: 2, duplicates: 2 })
    expect(await actions(db)).toEqual(['requested', 'imported'])
  })

  test('a row changes what it says and counts as updated; one that says what is known counts as unchanged', async () => {
    await importText(`email,name,confirmedAt,evidence\na@example.com,Eva,${PROOF}\nb@example.com,Bo,${PROOF}\n`)
    const text = 'email,name,topics\na@example.com,Eva B.,\nb@example.com,Bo,\nB@example.com,Bob,Sport\n'
    expect(await importText(text)).toEqual(counts({ rows: 3, updated: 2, duplicates: 1 }))
    expect(await importText('email,name\na@example.com,Eva B.\n')).toEqual(counts({ rows: 1, unchanged: 1 }))
  })

  test('a later row of a reader is a duplicate, also a thousand rows later', async () => {
    const rows = Array.from({ length: 1_500 }, (_, index) => `reader${index}@example.com,${PROOF}`)
    const text = `${HEADER}\n${[...rows, 'READER3@example.com,,', ...rows.slice(1_400)].join('\n')}\n`
    expect(await importText(text)).toEqual(counts({ rows: 1_601, added: 1_500, duplicates: 101 }))
    expect(await importText(text)).toEqual(counts({ rows: 1_601, unchanged: 1_500, duplicates: 101 }))
  })

  test('sends a number of statements that grows with chunks, not with rows', async () => {
    const statements = async (rows: number) => {
      let sent = 0
      const counting = counted(db, () => sent++)
      const file = folder.path('many.csv')
      const lines = Array.from({ length: rows }, (_, index) => `r${rows}x${index}@example.com,T${index % 7},${PROOF}`)
      writeFileSync(file, `email,topics,confirmedAt,evidence\n${lines.join('\n')}\n`)
      await importSubscribers(counting, { file, newsletter: null }, watching(), handClock(NOON))
      return sent
    }
    await statements(10)

    expect(await statements(1_000)).toBe(await statements(20))
  })
})

/** The same database, and a tick for every statement. */
function counted(real: Database, tick: () => void): Database {
  const count =
    <Args extends readonly unknown[], Result>(call: (...args: Args) => Result) =>
    (...args: Args) => {
      tick()
      return call(...args)
    }
  return new Proxy(real, {
    get: (target, name, receiver) => {
      const value: unknown = Reflect.get(target, name, receiver)
      if (name === 'transaction')
        return (use: (tx: Database) => Promise<unknown>) => target.transaction((tx) => use(counted(tx, tick)))
      return typeof value === 'function' ? count(value.bind(target)) : value
    },
  })
}
