import PostalMime from 'postal-mime'
import { describe, expect, it } from 'vitest'
import { compileMessage, type MessageParts } from '../../../src/mail/mime/compile-message.ts'
import { makeMarkers } from '../../../src/mail/mime/markers.ts'
import { ASCII_LINES, expectCleanLines, fill, partsWith, SLOTS, VALUES, type Values } from './single-message.ts'

describe('a filled message', () => {
  it('has the same octets whenever the same parts are compiled, markers being new each time', async () => {
    expect((await fill()).equals(await fill())).toBe(true)
  })

  it('finds a marker at any column, also where a soft break would have cut it', async () => {
    const columns = Array.from({ length: 80 }, (_, column) => column)
    const filled = await fill((markers) => ({
      text: columns.map((column) => `${'x'.repeat(column)}${markers.name}y`).join('\n'),
    }))
    const { text } = await PostalMime.parse(filled)
    expect(text?.split('\n').slice(0, 80)).toEqual(columns.map((column) => `${'x'.repeat(column)}${VALUES.name}y`))
  })

  it('fills a slot that begins, ends or is the whole body, and slots beside each other', async () => {
    const filled = await fill((markers) => ({
      text: markers.name,
      html: `${markers.date}${markers.name}${markers.leave}`,
    }))
    const { text, html } = await PostalMime.parse(filled)
    expect(text?.trimEnd()).toBe('Jürgen & Söhne')
    expect(html?.trimEnd()).toBe('1. MärzJürgen &amp; Söhnehttps://news.example.org/u/abc?x=1&amp;y=2')
  })

  it('writes a dot at a line start as =2E, in fixed text and in values', async () => {
    const filled = await fill((markers) => ({ text: `.fixed\n${markers.name}\n` }), { ...VALUES, name: '.\n..value' })
    expect(filled.toString('latin1')).toContain('\r\n=2Efixed\r\n=2E\r\n=2E.value=\r\n')
    expectCleanLines(filled)
  })

  it('escapes values in HTML, in text content as in attributes, and leaves them raw in text', async () => {
    const hostile = `"><script>alert('x')</script>&amp;`
    const { text, html } = await PostalMime.parse(await fill(undefined, { ...VALUES, name: hostile }))
    expect(text).toContain(`Guten Tag ${hostile},`)
    expect(html).toContain('title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;"')
    expect(html).not.toContain('<script')
  })

  it.each([
    'Müller, "Söhne"',
    'a,b;c:d',
    "O'Neill \\",
    'Zwei\r\nBcc: x@example.org\r\n',
    'x@example.net',
    '\u2028|\u0000',
  ])('has ASCII headers whatever the names of From and Reply-To are: %j', async (name) => {
    const replyTo = { name, address: 'antwort@müller.de' }
    const from = { name, address: 'news@grüße.example' }
    const filled = await fill(() => ({ from, replyTo, html: null, text: 'x' }))
    expect(filled.toString('latin1')).toMatch(/^[\r\n\x20-\x7e]*$/)
    const { from: sender, replyTo: answers, bcc } = await PostalMime.parse(filled)
    const shown = name.replace(/[\p{Cc}\p{Zl}]+/gu, ' ').trim()
    expect(sender).toEqual({ name: shown, address: 'news@xn--gre-6ka8l.example' })
    expect(answers).toEqual([{ name: shown, address: 'antwort@xn--mller-kva.de' }])
    expect(bcc).toBeUndefined()
  })

  it.each(['from', 'replyTo'])('is refused where %s could be carried with SMTPUTF8 alone', async (field) => {
    const mailbox = { name: 'Grüße', address: 'grüße@example.org' }
    await expect(fill(() => ({ [field]: mailbox }))).rejects.toMatchObject({ code: 'mail.header-not-ascii' })
  })

  it('is text only when there is no HTML', async () => {
    const raw = (await fill(() => ({ html: null }))).toString('latin1')
    expect(raw).toContain('Content-Type: text/plain; charset=utf-8')
    expect(raw).not.toContain('multipart')
  })

  it('has text before HTML in a multipart/alternative, both in quoted-printable, whatever they hold', async () => {
    const raw = (await fill(() => ({ text: 'plain', html: '<p>plain</p>' }))).toString('latin1')
    expect(raw.match(/Content-Type: [^;\r]+/g)).toEqual([
      'Content-Type: multipart/alternative',
      'Content-Type: text/plain',
      'Content-Type: text/html',
    ])
    expect(raw.match(/Content-Transfer-Encoding: quoted-printable\r\n/g)).toHaveLength(2)
  })

  it('keeps its parts whole when a body holds a line like its boundary', async () => {
    const boundary = '------=_Courant-Message-Part_1--'
    const raw = await fill((markers) => ({ text: `a\n${boundary}\n${markers.name}` }), { ...VALUES, name: boundary })
    const { text, html } = await PostalMime.parse(raw)
    expect(text?.trimEnd()).toBe(`a\n${boundary}\n${boundary}`)
    expect(html).toContain('<!doctype html>')
  })

  it('carries the date, the Message-ID and the List headers as they were given', async () => {
    const { headers, date, messageId } = await PostalMime.parse(await fill())
    const value = (key: string) => headers.find((header) => header.key === key)?.value
    expect(date).toBe('2026-03-01T06:30:00.000Z')
    expect(messageId).toBe('<abc@example.org>')
    expect(value('list-unsubscribe')).toBe(`<${VALUES.leave}>, <mailto:leave@example.org?subject=${VALUES.leave}>`)
    expect(value('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click')
    expect(value('list-id')).toBe('Die Nachrichten <nachrichten.news.example.org>')
  })

  it('folds To, encodes its name and writes its domain in A-labels', async () => {
    const name = 'Frau Dr. Ärztin „Änne“ Österreicher-Übermüller von und zu Größenwahn, geborene Schröder'
    const raw = await fill(undefined, VALUES, { name, address: 'änne@müller.de'.replace('ä', 'ae') })
    expectCleanLines(raw)
    expect((await PostalMime.parse(raw)).to).toEqual([{ name, address: 'aenne@xn--mller-kva.de' }])
    const header = raw.toString('latin1').match(/^To: .*(?:\r\n .*)*/m)?.[0] ?? ''
    expect(header.split('\r\n').filter((line) => line.length > 78)).toEqual([])
  })

  it('keeps To readable for a name of 2,000 letters without a space', async () => {
    const name = 'x'.repeat(2000)
    const raw = await fill(undefined, VALUES, { name, address: 'anna@example.net' })
    expectCleanLines(raw)
    expect((await PostalMime.parse(raw)).to).toEqual([{ name, address: 'anna@example.net' }])
  })

  it('cannot be given a second header through a name', async () => {
    const raw = await fill(undefined, VALUES, { name: 'Anna\r\nBcc: eve@example.net', address: 'anna@example.net' })
    const { headers, bcc } = await PostalMime.parse(raw)
    expect(headers.map((header) => header.key)).not.toContain('bcc')
    expect(bcc).toBeUndefined()
  })

  it('is written in UTF-8 only in To, and only for a local part that is not ASCII', async () => {
    const raw = await fill(undefined, VALUES, { name: null, address: 'änne@müller.de' })
    expect((await PostalMime.parse(raw)).to).toEqual([{ name: '', address: 'änne@müller.de' }])
    expect(
      raw
        .toString('utf8')
        .split('\r\n')
        .filter((line) => !ASCII_LINES.test(line)),
    ).toEqual(['To: änne@müller.de'])
  })
})

describe('compiling and filling refuse', () => {
  const compile = (markers: Values, change: Partial<MessageParts>, optional: readonly (keyof Values)[] = []) =>
    compileMessage(partsWith(markers, change), markers, optional)

  it('a message in which a slot was lost, and name it', async () => {
    const markers = makeMarkers(SLOTS)
    const bare = { text: 'Guten Tag', html: null }
    await expect(compile(markers, bare)).rejects.toMatchObject({
      code: 'mail.placeholder_lost',
      what: expect.stringContaining('name'),
    })
    await expect(compile(markers, bare, ['name', 'date'])).resolves.toBeDefined()
  })

  it('a marker in the subject or in a name', async () => {
    const markers = makeMarkers(SLOTS)
    const refusal = { code: 'mail.placeholder_misplaced' }
    await expect(compile(markers, { subject: `Hallo ${markers.name}` })).rejects.toMatchObject(refusal)
    await expect(compile(markers, { from: { name: markers.name, address: 'a@b.de' } })).rejects.toMatchObject(refusal)
  })

  it('a value for a header that is not printable ASCII, without repeating it', async () => {
    for (const leave of ['https://x.example/\r\nBcc: eve@example.net', 'https://bücher.example/']) {
      const error = await fill(undefined, { ...VALUES, leave }).catch((cause: unknown) => cause)
      expect(error).toMatchObject({ code: 'mail.header-value' })
      expect(String(error)).not.toContain('example/')
    }
  })

  it('a header with a word that no line can hold', async () => {
    const refusal = { code: 'mail.header-too-long' }
    await expect(fill(() => ({ subject: 'x'.repeat(1200) }))).rejects.toMatchObject(refusal)
    await expect(fill(undefined, { ...VALUES, leave: 'x'.repeat(1200) })).rejects.toMatchObject(refusal)
  })
})
