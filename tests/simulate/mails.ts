import type { Mail } from './sink.ts'

/** What a mail is, read from its octets as a mail program would. */
export type Read =
  | {
      readonly kind: 'digest'
      readonly mail: Mail
      readonly messageId: string
      /** The edition's public id. */
      readonly edition: string
      /** The simulator's numbers of the articles it shows. */
      readonly numbers: readonly number[]
      readonly leaveToken: string | null
    }
  | { readonly kind: 'notice'; readonly mail: Mail; readonly messageId: string; readonly confirmToken: string | null }

export const ARTICLE_URL = 'https://press.example/a'

/** Reads a mail; quoted-printable's soft breaks are undone, all that is looked for is ASCII. */
export function readMail(mail: Mail): Read {
  const end = mail.text.indexOf('\r\n\r\n')
  const head = mail.text.slice(0, end).replace(/\r\n[ \t]+/g, ' ')
  const text = `${head}\r\n${mail.text.slice(end).replace(/=\r\n/g, '')}`
  const find = (pattern: RegExp) => pattern.exec(text)?.[1] ?? null
  const messageId = find(/^Message-ID: *(<[^>]+>)/im) ?? ''
  const edition = find(/^Feedback-ID: *([a-z0-9]+):/im)
  if (edition === null) return { kind: 'notice', mail, messageId, confirmToken: find(/\/confirm\/([A-Za-z0-9_-]{43})/) }
  const numbers = [...text.matchAll(/press\.example\/a(\d+)/g)].map(([, number]) => Number(number))
  const leaveToken = find(/\/unsubscribe\/([A-Za-z0-9_-]{43})/)
  return { kind: 'digest', mail, messageId, edition, numbers: [...new Set(numbers)], leaveToken }
}
