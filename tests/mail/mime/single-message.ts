import { expect } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { compileMessage, type MessageParts } from '../../../src/mail/mime/compile-message.ts'
import { fillMessage } from '../../../src/mail/mime/fill-message.ts'
import type { Mailbox } from '../../../src/mail/mime/header-fields.ts'
import { makeMarkers } from '../../../src/mail/mime/markers.ts'

export const SLOTS = ['name', 'leave', 'date'] as const
export type Values = Record<(typeof SLOTS)[number], string>

export const ANNA: Mailbox = { name: 'Anna', address: 'anna@example.net' }
export const VALUES: Values = {
  name: 'Jürgen & Söhne',
  leave: 'https://news.example.org/u/abc?x=1&y=2',
  date: '1. März',
}

/** A digest with markers, or with values, in all places they may stand. */
export function partsWith(markers: Values, change: Partial<MessageParts> = {}): MessageParts {
  return {
    from: { name: 'Die Nachrichten', address: 'news@example.org' },
    replyTo: { name: 'Redaktion', address: 'redaktion@example.org' },
    subject: 'Heute: „Grüße“ und mehr',
    date: Temporal.Instant.from('2026-03-01T06:30:00Z'),
    headers: [
      ['List-Id', 'Die Nachrichten <nachrichten.news.example.org>'],
      ['List-Unsubscribe', `<${markers.leave}>, <mailto:leave@example.org?subject=${markers.leave}>`],
      ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
    ],
    text: `Guten Tag ${markers.name},\n\n.heute (${markers.date})\n\nAbmelden: ${markers.leave}\n`,
    html: `<!doctype html><p title="${markers.name}">${markers.name}, ${markers.date}</p><a href="${markers.leave}">x</a>`,
    ...change,
  }
}

/** Compiles that digest, changed, and fills it for one reader. */
export async function fill(
  change: (markers: Values) => Partial<MessageParts> = () => ({}),
  values = VALUES,
  to: Mailbox = ANNA,
) {
  const markers = makeMarkers(SLOTS)
  const compiled = await compileMessage(partsWith(markers, change(markers)), markers, SLOTS)
  return fillMessage(compiled, values, to, '<abc@example.org>')
}

export const ASCII_LINES = /^[\x20-\x7e\t]*$/

/** What holds for the octets of every message to an ASCII local part. */
export function expectCleanLines(filled: Buffer) {
  const lines = filled.toString('latin1').split('\r\n')
  expect(lines.filter((line) => line.startsWith('.'))).toEqual([])
  expect(lines.filter((line) => !ASCII_LINES.test(line))).toEqual([])
  expect(lines.filter((line) => line.length > 998)).toEqual([])
  expect(lines.slice(lines.indexOf('')).filter((line) => line.length > 76)).toEqual([])
  expect(lines.at(-1)).toBe('')
}
