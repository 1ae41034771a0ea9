import { once } from 'node:events'
import { connect } from 'node:net'
import { createTransport } from 'nodemailer'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { answerMailbox, renderMail, renderMailboxList } from '../../../src/demo/mailbox/mailbox-pages.ts'
import { type LocalMailbox, type Mail, startMailbox } from '../../../src/demo/mailbox/mailbox-server.ts'

const NOON = Temporal.Instant.from('2031-03-30T12:00:00.250Z')
const HOSTILE = `</title></textarea><script>alert('x')</script>"><img src=x onerror=alert(1)>`

let mailbox: LocalMailbox

beforeEach(async () => {
  mailbox = await startMailbox({ now: () => NOON })
})
afterEach(() => mailbox.close())

async function sendRaw(raw: string | Buffer, to: string[] = ['lena@example.com'], from = 'news@example.org') {
  const transport = createTransport({ url: mailbox.smtpUrl })
  await transport.sendMail({ envelope: { from, to }, raw })
  transport.close()
}

async function send(message: object): Promise<Mail> {
  const transport = createTransport({ url: mailbox.smtpUrl })
  await transport.sendMail({ from: 'news@example.org', to: 'lena@example.com', ...message })
  transport.close()
  return mailbox.messages().at(-1)!
}

const open = (path: string) => answerMailbox(mailbox)(new Request(`http://127.0.0.1${path}`))
const read = async (path: string) => (await open(path)).text()

describe('the mailbox', () => {
  test('keeps what arrives with its envelope, subject, Message-ID and the time of the given clock', async () => {
    const mail = await send({
      to: { name: 'Lena Groß', address: 'lena@example.com' },
      subject: 'Grüße aus dem Süden – „Welt & Technik“, Ausgabe vom Montag',
      messageId: '<one@example.org>',
      text: 'Guten Morgen',
    })

    expect(mail).toMatchObject({
      id: 1,
      to: 'lena@example.com',
      from: 'news@example.org',
      subject: 'Grüße aus dem Süden – „Welt & Technik“, Ausgabe vom Montag',
      messageId: '<one@example.org>',
      receivedAt: NOON,
    })
  })

  test('keeps every byte: dots at line starts, long lines, raw 8-bit, spaces at the end', async () => {
    const head = 'Subject: bytes\r\nContent-Type: application/octet-stream\r\n\r\n'
    const body = `.\r\n..\r\n.leading dot\r\n\r\n  trailing \t \r\nlong ${'x'.repeat(3000)}\r\n`
    const raw = Buffer.concat([Buffer.from(head + body), Buffer.from([0xff, 0xfe, 0x80, 0x01]), Buffer.from('\r\n')])

    await sendRaw(raw)

    expect(mailbox.messages()[0]!.raw.equals(raw)).toBe(true)
  })

  test('puts one message to two people into two boxes', async () => {
    await sendRaw('Subject: both\r\n\r\nHi\r\n', ['a@example.com', 'b@example.net'])

    expect(mailbox.messages().map(({ id, to, subject }) => [id, to, subject])).toEqual([
      [1, 'a@example.com', 'both'],
      [2, 'b@example.net', 'both'],
    ])
  })

  test('takes bounces, whose sender is empty, and messages without subject or header', async () => {
    await sendRaw('no header at all\r\n', ['lena@example.com'], '')

    expect(mailbox.messages()[0]).toMatchObject({ from: '', subject: '', messageId: null })
    expect(renderMailboxList(mailbox.messages())).toContain('(no subject)')
  })

  test('parses a message when it is asked to, and once', async () => {
    const mail = await send({
      text: 'Nur Text – ä',
      html: '<p>HTML – ä</p>',
      headers: { 'List-Id': '<x.example.org>' },
    })

    const email = await mail.parse()

    expect(email).toMatchObject({
      text: expect.stringContaining('Nur Text – ä'),
      html: expect.stringContaining('HTML – ä'),
    })
    expect(email.headers).toContainEqual(expect.objectContaining({ key: 'list-id', value: '<x.example.org>' }))
    expect(await mail.parse()).toBe(email)
  })

  test('tells its listeners of each mail, until they end that', async () => {
    const seen: string[] = []
    const end = mailbox.onMessage(({ subject }) => void seen.push(subject))

    await send({ subject: 'first', text: 'x' })
    end()
    await send({ subject: 'second', text: 'x' })

    expect(seen).toEqual(['first'])
  })

  test('keeps the newest 2,000', async () => {
    const readers = Array.from({ length: 700 }, (_, index) => `r${index}@example.com`)
    for (const subject of ['a', 'b', 'c']) await sendRaw(`Subject: ${subject}\r\n\r\nx\r\n`, readers)

    const mails = mailbox.messages()

    expect([mails.length, mails[0]!.id, mails.at(-1)!.id]).toEqual([2000, 101, 2100])
  })

  test('refuses a message of more than five megabytes and keeps nothing of it', async () => {
    await expect(sendRaw(Buffer.alloc(5_000_001, 'x\r\n'))).rejects.toMatchObject({ responseCode: 552 })

    expect(mailbox.messages()).toEqual([])
  })

  test('serves fifty connections at a time, and turns the next away', async () => {
    const greet = async () => {
      const socket = connect(mailbox.smtpPort, '127.0.0.1')
      const [greeting] = await once(socket, 'data')
      return { socket, code: String(greeting).slice(0, 3) }
    }
    const open = await Promise.all(Array.from({ length: 50 }, greet))
    const late = await greet()

    expect(new Set(open.map(({ code }) => code))).toEqual(new Set(['220']))
    expect(late.code).toBe('421')
    for (const { socket } of [...open, late]) socket.destroy()
  })

  test('needs a port of its own', async () => {
    await expect(startMailbox({ smtpPort: mailbox.smtpPort, now: () => NOON })).rejects.toMatchObject({
      code: 'demo.port',
    })
  })
})

describe('the pages', () => {
  test('list mails newest first, and say so when there are none', async () => {
    expect(await read('/mailbox')).toContain('No mail yet')
    await send({ subject: 'older', text: 'x' })
    await send({ subject: 'newer', text: 'x' })

    const list = await read('/mailbox')

    expect(list).toMatch(/href="\/mailbox\/2">newer<[\s\S]*href="\/mailbox\/1">older</)
    expect(list).toContain('2031-03-30 12:00:00')
  })

  test('escape a hostile subject, sender, header, text and source', async () => {
    const mail = await send({
      subject: HOSTILE,
      from: { name: HOSTILE, address: 'news@example.org' },
      text: HOSTILE,
      html: HOSTILE,
      headers: { 'X-Note': HOSTILE },
    })
    const each = [
      renderMailboxList([mail]),
      ...(await Promise.all((['html', 'text', 'headers', 'source'] as const).map((tab) => renderMail(mail, tab)))),
    ]

    for (const page of each) {
      expect(page).not.toMatch(/<script|<img/)
      expect(page).toContain('&lt;script&gt;alert(&#39;x&#39;)')
      expect(page).toContain(`content="default-src 'none'`)
    }
  })

  test('show the HTML in a sandboxed frame that runs no script and opens links outside', async () => {
    const html =
      '<!doctype html><html><head><title>x</title></head><body><a href="https://example.org/?a=1&amp;b=2">„Link“</a></body></html>'
    const page = await renderMail(await send({ html, text: 'x' }), 'html')

    const [, sandbox, srcdoc] = /<iframe [^>]*sandbox="([^"]*)"[^>]* srcdoc="([^"]*)"/.exec(page)!
    expect(sandbox).toBe('allow-popups allow-popups-to-escape-sandbox')
    expect(unescapeHtml(srcdoc!).trim()).toBe(html.replace('<head>', '<head><base target="_blank">'))
  })

  test('show text, headers and source, and open a mail at the part it has', async () => {
    await send({ subject: 'plain', text: 'Nur <Text> & mehr' })

    expect(await read('/mailbox/1')).toMatch(
      /tab=text" aria-current="page"[\s\S]*<pre[^>]*>\nNur &lt;Text&gt; &amp; mehr/,
    )
    expect(await read('/mailbox/1?tab=html')).toContain('This message has no HTML part.')
    expect(await read('/mailbox/1?tab=headers')).toMatch(/<th scope="row">Message-ID<\/th><td>&lt;/)
    expect(await read('/mailbox/1?tab=source')).toContain('Subject: plain')
    expect(await read('/mailbox/1?tab=nonsense')).toMatch(/tab=text" aria-current="page"/)
  })

  test('hand out the message as it came, and nothing that is not there', async () => {
    const { raw } = await send({ subject: 'plain', text: 'x' })

    const answer = await open('/mailbox/1/raw')

    expect(answer.headers.get('content-type')).toBe('message/rfc822')
    expect(Buffer.from(await answer.arrayBuffer()).equals(raw)).toBe(true)
    for (const path of ['/mailbox/2', '/mailbox/x', '/mailbox/1/x', '/other'])
      expect((await open(path)).status).toBe(404)
  })

  test('say of a message that cannot be read as MIME that its source can', async () => {
    const open = Array.from(
      { length: 300 },
      (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`,
    )
    await sendRaw(`Subject: deep\r\n${open.join('')}\r\nx\r\n`)

    expect(await read('/mailbox/1?tab=html')).toContain('cannot be read as MIME')
    expect(await read('/mailbox/1')).toContain('Subject: deep')
  })
})

function unescapeHtml(text: string): string {
  const named: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&#34;': '"', '&#39;': "'", '&amp;': '&' }
  return text.replace(/&(lt|gt|#34|#39|amp);/g, (entity) => named[entity]!)
}
