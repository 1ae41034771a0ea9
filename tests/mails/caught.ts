import PostalMime from 'postal-mime'
import { expect } from 'vitest'
import type { Received } from '../support/smtp.ts'

/** A caught mail as its golden file has it: envelope sender, then headers in the order of their names, what varies normalised. */
export function goldenOf({ from, raw }: Received): string {
  const [head = ''] = raw.toString('latin1').split('\r\n\r\n')
  const headers = head.replace(/\r\n(?=[ \t])/g, '').split('\r\n')
  return [`envelope from ${from}`, ...headers.map(normalise).toSorted()].join('\n').concat('\n')
}

/** Dates, public ids, names of messages and tokens differ from run to run. */
function normalise(header: string): string {
  return header
    .replace(/^Date: \w{3}, \d{2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000$/, 'Date: <date>')
    .replace(/^Message-ID: <n-[a-z2-7]{26}@/, 'Message-ID: <<notice>@')
    .replace(/^Message-ID: <[a-z2-7]{16}-[a-z2-7]{26}@/, 'Message-ID: <<edition>-<number>@')
    .replace(/^Feedback-ID: [a-z2-7]{16}:/, 'Feedback-ID: <edition>:')
    .replace(/(?<=\/|%20)[\w-]{43}/g, '<token>')
}

/** What every mail must be as octets and as MIME, whatever its kind. RFC 5322 §2.1.1, RFC 2045, RFC 2046 §5.1.4. */
export async function expectWellFormed({ raw }: Received, locale: 'de' | 'en'): Promise<void> {
  const text = raw.toString('latin1')
  expect(text).not.toMatch(/(?<!\r)\n|\r(?!\n)/)
  expect(text).not.toMatch(/[^\x09\x0a\x0d\x20-\x7e]/)
  expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998)
  expect(
    [...text.matchAll(/^Content-Type: ([^;\r]+)(?:; charset=(\S+))?/gm)].map(([, type, set]) => [type, set]),
  ).toEqual([
    ['multipart/alternative', undefined],
    ['text/plain', 'utf-8'],
    ['text/html', 'utf-8'],
  ])
  const mail = await PostalMime.parse(raw)
  expect(mail.html).toContain(`<html lang="${locale}"`)
  expect(mail.html).toMatch(/<title>[^<]+<\/title>/)
  expect([...(mail.html ?? '').matchAll(/<img(?![^>]* alt=")[^>]*>/g)]).toEqual([])
  expect(`${mail.text}${mail.html}`).not.toMatch(/\{\{|\{%|undefined|\[object/)
  // Links are never broken, and the sentence that says why a reader gets the digest is filled in as one line.
  const lines = (mail.text ?? '').split('\n').filter((line) => !/^(http|Sie erhalten|You receive)/.test(line))
  expect(lines.filter((line) => line.trim().length > 72)).toEqual([])
}
