import { describe, expect, test } from 'vitest'
import { readHeader } from '../../../src/subscribers/import/header.ts'
import { readState } from '../../../src/subscribers/import/state-column.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { addTagblatt, count, freshTagblatt } from '../fixtures.ts'
import { counts, openImportFolder, PROOF, readAll, readRejects } from './importing.ts'

const { db } = await freshDatabase()
await freshTagblatt(db)
const folder = openImportFolder()

const importText = (text: string) => folder.importText(db, text)

/** What a row says of its reader's state, by one column beside the address. */
function stateOf(column: string, cell: string): string {
  const header = readHeader(['email', column])
  if (header === null) throw new Error('no header')
  return readState(header.stateColumns, ['a@x.example', cell]).kind
}

describe('a row of an export', () => {
  test.each([
    // listmonk, Keila, Mailtrain, Sendy, MailPoet, phpList
    ['status', 'blocklisted'],
    ['status', 'disabled'],
    ['Status', 'unreachable'],
    ['status', '2'],
    ['Status', 'Marked as spam'],
    ['Global Status', 'Unsubscribed'],
    ['List status', 'Bounced'],
    ['blacklisted', '1'],
    // Mailchimp: states are files, told apart by their columns
    ['UNSUB_TIME', '2024-03-01 10:00:00'],
    ['CLEAN_TIME', '2024-03-01 10:00:00'],
    ['Email Marketing Status', 'Cleaned'],
    ['Email Marketing Status', 'Non-Subscribed'],
    // Brevo, Ghost, HubSpot, MailUp, Substack, Klaviyo
    ['EMAIL_BLACKLISTED', 'true'],
    ['Email Status', 'Blocklisted'],
    ['subscribed_to_emails', 'false'],
    ['Unsubscribed from all email', 'TRUE'],
    ['Portal Unsubscribe', 'TRUE'],
    ['OptOut_Date', '20110122T111244'],
    ['email_disabled', 'true'],
    ['Email Marketing Consent', 'NEVER_SUBSCRIBED'],
    // CleverReach, rapidmail and lists kept by hand
    ['Status', 'inaktiv'],
    ['aktiv', 'nein'],
    ['Aktiv', '0'],
    ['aktiv', ''],
    ['Deaktiviert', '1710000000'],
    ['Status', 'Gebounct'],
    ['Status', 'Unerwünscht'],
    ['Status', 'Abgemeldet'],
    ['status', 'gesperrt'],
    ['Zustand', 'gelöscht'],
    ['Abgemeldet am', '01.03.2024'],
    ['abgemeldet', 'ja'],
    ['Kündigungsdatum', '1.3.2024'],
    ['Gesperrt', 'x'],
    ['Bounce', '1'],
    ['Opt-Out', 'Yes'],
    // whatever the column is called
    ['Newsletter-Abo', 'abgemeldet'],
    ['Gruppe', 'Bounce'],
    ['foo', 'UNSUBSCRIBED'],
    ['foo', 'opted-out'],
    // Courant itself
    ['state', 'unsubscribed'],
    ['state', 'unsubscribed'],
    ['state', 'paused'],
    ['unsubscribedAt', '2025-01-01T00:00:00Z'],
    // nobody knows
    ['status', 'VIP'],
  ])('is not mailed where %s says %j', (column, cell) => {
    expect(stateOf(column, cell)).toBe('unwanted')
  })

  test.each([
    ['status', 'pending'],
    ['status', 'unconfirmed'],
    ['Status', 'Unbestätigt'],
    ['Status', 'neu'],
    ['state', 'pending'],
    ['confirmed', '0'],
    ['bestätigt', 'nein'],
    ['aktiviert', ''],
  ])('is not confirmed where %s says %j', (column, cell) => {
    expect(stateOf(column, cell)).toBe('unconfirmed')
  })

  test.each([
    ['status', 'enabled'],
    ['Status', 'Subscribed'],
    ['status', 'aktiv'],
    ['status', '1'],
    ['status', ''],
    ['Status', 'Opted-in'],
    ['status', 'free'],
    ['state', 'active'],
    ['State', 'Bayern'],
    ['Familienstatus', 'ledig'],
    ['subscribed_to_emails', 'true'],
    ['aktiv', 'x'],
    ['subscribed', '2024-03-01'],
    ['unsubscribed', 'false'],
    ['unsubscribed_at', ''],
    ['deleted_at', 'NULL'],
    ['Deaktiviert', '0'],
    ['UNSUB_TIME', '0000-00-00 00:00:00'],
    ['blocklisted', 'Nein'],
    ['unsubscribe', 'https://x.example/unsubscribe/7'],
    ['unsubscribe_token', 'a7'],
    ['note', 'has never unsubscribed from anything'],
    ['bounces', '2'],
    ['City', 'Off'],
  ])('may be mailed where %s says %j', (column, cell) => {
    expect(stateOf(column, cell)).toBe('wanted')
  })
})

describe('an import of readers with states', () => {
  test('rejects who is not to be mailed, whatever proof their row has, and keeps them where they can be corrected', async () => {
    const result = await importText(
      `email;Vorname;Nachname;Status;confirmedAt;evidence\na@x.example;Anna;Grün;aktiv;2024-05-01;card\nb@x.example;Bo;Öder;abgemeldet;2024-05-01;card\nc@x.example;Clara;Weiß;Gold;;\n`,
    )
    expect(result).toMatchObject({ rows: 3, added: 1, rejected: 2 })
    expect((await readAll(db)).map(({ email, name, state }) => [email, name, state])).toEqual([
      ['a@x.example', 'Anna Grün', 'active'],
    ])
    expect(readRejects(result)).toEqual([
      'line;reason;email;Vorname;Nachname;Status;confirmedAt;evidence',
      '3;The column “Status” says “abgemeldet”: this reader is not to be mailed.;b@x.example;Bo;Öder;abgemeldet;2024-05-01;card',
      '4;The column “Status” says “Gold”, which is no known state. Leave the column out if it names no states.;c@x.example;Clara;Weiß;Gold;;',
    ])
    const corrected = readRejects(result).join('\n').replace(';Gold;', ';aktiv;')
    expect(await importText(corrected)).toMatchObject({ rows: 2, pending: 1, rejected: 1 })
  })

  test('rejects all rows of a reader whom one row says nobody may mail, before it too and a thousand rows away', async () => {
    const far = Array.from({ length: 1_100 }, (_, index) => `r${index}@x.example,subscribed`)
    const text = [
      'email,status',
      'A@x.example,subscribed',
      'b@x.example,subscribed',
      'a@x.example,cleaned',
      ...far,
      'b@x.example,bounced',
    ]
    const result = await importText(`${text.join('\n')}\n`)
    expect(result).toMatchObject({ rows: 1_104, pending: 1_100, rejected: 4 })
    expect(
      readRejects(result)
        .slice(1)
        .map((reject) => reject.split(',').slice(0, 2).join(' ')),
    ).toEqual([
      '2 Another row of the file says that this reader is not to be mailed.',
      '3 Another row of the file says that this reader is not to be mailed.',
      '4 The column “status” says “cleaned”: this reader is not to be mailed.',
      '1105 The column “status” says “bounced”: this reader is not to be mailed.',
    ])
    expect(await count(db, `subscriber where email_key in ('a@x.example', 'b@x.example')`)).toBe(0)
  })

  test('takes who left one newsletter into another', async () => {
    await addTagblatt(db, { slug: 'zwei' })
    const text = 'email,newsletter,state\na@x.example,tagblatt,left\na@x.example,zwei,pending\n'
    expect(await importText(text)).toMatchObject({ rows: 2, pending: 1, rejected: 1 })
  })

  test('rejects of rejects keep one line and one reason', async () => {
    const result = await importText('line,reason,email\n7,It was wrong.,nobody\n')
    expect(readRejects(result)).toEqual(['line,reason,email', '2,The address is wrong: It has no @.,nobody'])
  })

  test('leaves pending who had not confirmed there, also with proof', async () => {
    const text = `email,state,confirmedAt,evidence\na@x.example,pending,${PROOF}\nb@x.example,active,${PROOF}\n`
    expect(await importText(text)).toMatchObject({ added: 1, pending: 1 })
    expect((await readAll(db)).map(({ state }) => state)).toEqual(['pending', 'active'])
  })

  test('takes nobody who left or paused out of a list of its own into another installation', async () => {
    const states = ['pending', 'active', 'paused', 'unsubscribed']
    const rows = states.map((state) => `${state}@x.example,tagblatt,${state},${PROOF}`)
    const text = `email,newsletter,state,confirmedAt,evidence\n${rows.join('\n')}\n`
    expect(await importText(text)).toMatchObject({ rows: 4, added: 1, pending: 1, rejected: 2 })
    expect(await importText(text)).toMatchObject({ rows: 4, unchanged: 2, rejected: 2 })
  })

  test('reads a column “Newsletter” that says only yes or no', async () => {
    expect(await importText('E-Mail;Newsletter\na@x.example;ja\nb@x.example;nein\n')).toMatchObject({
      pending: 1,
      rejected: 1,
    })
    await addTagblatt(db, { slug: 'zwei' })
    expect(await importText('E-Mail;Newsletter\nc@x.example;ja\n')).toMatchObject({ rejected: 1 })
  })

  test('says columns it leaves out, not those that tell a state', async () => {
    await importText('email,status,age,unsubscribed_at\na@x.example,active,30,\n')
    expect(folder.unknown()).toEqual(['age'])
  })

  test('puts first and last name together, also where the family is in “Name”', async () => {
    await importText('Email Address,First Name,Last Name\na@x.example,Anna,Grün\nb@x.example,,Öder\n')
    await importText('E-Mail;Name;Vorname\nc@x.example;Weiß;Clara\nd@x.example;Dora Klein;Dora\n')
    expect((await readAll(db)).map(({ name }) => name)).toEqual(['Anna Grün', 'Öder', 'Clara Weiß', 'Dora Klein'])
  })
})

describe('the address of a row', () => {
  test.each([
    ['a non-breaking space before and after', '\u00a0a@x.example\u00a0'],
    ['a zero-width space before', '\u200ba@x.example'],
    ['a zero-width space inside', 'a\u200b@x\u200b.example'],
    ['a byte order mark', '\uFEFFa@x.example'],
    ['a soft hyphen inside', 'a@x.exam\u00adple'],
    ['marks of direction around', '\u200e\u202aa@x.example\u202c\u200f'],
    ['joiners and a variation selector', 'a\u200d\u200c@x.example\ufe0f'],
    ['a tab and a full-width space', '\ta@x.example\u3000'],
  ])('may have %s', async (_, cell) => {
    expect(await importText(`email,name\n"${cell}",\u200bAn\u00adna\u00a0\n`)).toEqual(counts({ rows: 1, pending: 1 }))
    expect(await readAll(db)).toMatchObject([{ email: 'a@x.example', name: 'Anna' }])
  })

  test('is wrong with a visible space inside, which may be a name', async () => {
    expect(await importText('email\nanna b@x.example\nanna\u00a0b@x.example\nb@x.example\n')).toMatchObject({
      rejected: 2,
    })
  })

  test('is never taken out of a name that stray quotation marks made of other rows', async () => {
    const result = await importText(
      'email,name,hour\na@x.example,"Anna\nb@x.example\nc@x.example"\nd@x.example,Dora,7\n',
    )
    expect(result).toMatchObject({ rows: 2, pending: 1, rejected: 1 })
    for (const address of ['a@x.example', 'b@x.example', 'c@x.example'])
      expect(readRejects(result).join()).toContain(address)
  })
})
