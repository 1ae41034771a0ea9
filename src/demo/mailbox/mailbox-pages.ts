import type { Email } from 'postal-mime'
import { renderDemoPage } from '../demo-page.ts'
import type { DemoPage } from '../serve-pages.ts'
import type { LocalMailbox, Mail } from './mailbox-server.ts'

/** What a mail's page shows of it. */
type Tab = (typeof TABS)[number]
const TABS = ['html', 'text', 'headers', 'source'] as const

/** The page that lists mails, newest first. */
export function renderMailboxList(mails: readonly Mail[]): string {
  return renderDemoPage('mailbox', { mails: mails.map(viewOf).reverse() })
}

/** The page of one mail. Its HTML stands in a sandboxed frame: no script, no form, links open a new tab. */
export async function renderMail(mail: Mail, tab: Tab): Promise<string> {
  const parsed = await mail.parse().catch(() => null)
  return renderDemoPage('mail', {
    mail: viewOf(mail),
    tab,
    tabs: TABS,
    headers: parsed?.headers.map(({ originalKey, value }) => ({ name: originalKey, value })) ?? [],
    frame: tab === 'html' && parsed?.html !== undefined ? openLinksOutside(parsed.html) : null,
    text: textOf(mail, tab, parsed),
  })
}

/** Answers requests for the mailbox's pages, which the server mounts. */
export function answerMailbox(mailbox: LocalMailbox): (request: Request) => Promise<Response> {
  return async ({ url }) => {
    const page = await findMailboxPage(mailbox, new URL(url))
    if (page === null) return new Response('Not found\n', { status: 404 })
    return new Response(page.body, {
      headers: { ...page.headers, 'Content-Type': page.type, 'Cache-Control': page.cacheControl },
    })
  }
}

/** The page of `/mailbox`, `/mailbox/:id?tab=…` or `/mailbox/:id/raw`; null where there is none. */
async function findMailboxPage(mailbox: LocalMailbox, { pathname, searchParams }: URL): Promise<DemoPage | null> {
  if (pathname === '/mailbox') return htmlPage(renderMailboxList(mailbox.messages()))
  const [, id, raw] = /^\/mailbox\/(\d+)(\/raw)?$/.exec(pathname) ?? []
  const mail = mailbox.messages().find((one) => one.id === Number(id))
  if (mail === undefined) return null
  if (raw !== undefined) return rawPage(mail)
  const asked = TABS.find((tab) => tab === searchParams.get('tab'))
  return htmlPage(await renderMail(mail, asked ?? (await firstTab(mail))))
}

/** The part made for the eye, where there is one. */
async function firstTab(mail: Mail): Promise<Tab> {
  const parsed = await mail.parse().catch(() => null)
  if (parsed === null) return 'source'
  return parsed.html === undefined ? 'text' : 'html'
}

const cacheControl = 'no-store'

function htmlPage(body: string): DemoPage {
  return { type: 'text/html; charset=utf-8', body, cacheControl }
}

function rawPage({ id, raw }: Mail): DemoPage {
  const headers = { 'Content-Disposition': `attachment; filename="${id}.eml"` }
  return { type: 'message/rfc822', body: raw, cacheControl, headers }
}

function viewOf({ id, to, from, subject, messageId, receivedAt, raw }: Mail) {
  const at = receivedAt.round('second').toString()
  const time = at.slice(0, -'Z'.length).replace('T', ' ')
  return {
    id,
    to,
    from,
    subject: subject || '(no subject)',
    messageId: messageId ?? 'none',
    at,
    time,
    size: sizeOf(raw),
  }
}

function sizeOf({ length }: Buffer): string {
  return length < 1000 ? `${length} B` : `${(length / 1000).toFixed(1)} kB`
}

function textOf({ raw }: Mail, tab: Tab, parsed: Email | null): string | null {
  if (tab === 'source') return raw.toString('utf8')
  if (parsed === null) return 'This message cannot be read as MIME; look at its source.'
  if (tab === 'html') return parsed.html === undefined ? 'This message has no HTML part.' : null
  if (tab === 'text') return parsed.text ?? 'This message has no text part.'
  return null
}

/** Behind <head>, where it moves nothing; a document without one gets it in front. */
function openLinksOutside(html: string): string {
  const base = '<base target="_blank">'
  return /<head\b[^>]*>/i.test(html) ? html.replace(/<head\b[^>]*>/i, (head) => head + base) : base + html
}
