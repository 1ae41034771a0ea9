import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { classifyReply } from '../../../src/delivery/outcome/classify.ts'
import { CLASSES } from '../../../src/delivery/outcome/reply-class.ts'
import { parseEnhanced, replyCode } from '../../../src/mail/smtp/reply-text.ts'
import { corpora, readCases } from '../../support/corpora.ts'

type Recipient = { action: 'hard' | 'soft'; status: string | null; reason?: string; actionTier: 'A' | 'B' }
type Case = { file: string; expected: { kind: string; recipients: Recipient[] } }

/** A filter that says in a mailbox’s words that there is none. */
const UNSETTLED = ['filtered']

type Quoted = { text: string; status: string | null; stage: 'content' | null }

/** The replies a report quotes: its Diagnostic-Code and Status for each recipient (RFC 3464 §2.3), and what Postfix adds. */
function quotedReplies(raw: string): Quoted[] {
  const stage = /\(in reply to end of DATA\s+command\)/.test(raw) ? 'content' : null
  const blocks = raw
    .replace(/\r|=\r?\n/g, '')
    .replace(/\n[ \t]+/g, ' ')
    .split(/\n\n+/)
  return blocks.flatMap((block) => {
    const text = /^Diagnostic-Code: *(?:[\w-]+; *)?(.+)$/im.exec(block)?.[1]
    return text === undefined
      ? []
      : [{ text, status: parseEnhanced(/^Status: *(\S+)/im.exec(block)?.[1] ?? ''), stage }]
  })
}

const cases = () =>
  readCases<Case[]>('bounces/index.json').flatMap(({ file, expected }) => {
    const replies = quotedReplies(readFileSync(join(corpora ?? '', file), 'latin1'))
    if (expected.kind !== 'bounce' || replies.length !== expected.recipients.length) return []
    return replies.flatMap((reply, at) => {
      const recipient = expected.recipients[at]
      return recipient === undefined ? [] : [{ file, ...reply, recipient }]
    })
  })

const hardnessOf = ({ text, status, stage }: Quoted) => {
  const code = replyCode(text)
  const enhanced = parseEnhanced(text) ?? status
  const name = classifyReply({ code, enhanced, stage, text })
  const isFinal = code === null ? enhanced?.startsWith('5') === true : code >= 500
  return { name, action: isFinal && CLASSES[name].suppresses ? 'hard' : 'soft' }
}

describe.skipIf(corpora === null)('bounces that were really sent', () => {
  test('are hard where they should be, and soft where they should be', () => {
    const all = cases()
    const wrong = all
      .map((one) => ({ ...one, ...hardnessOf(one) }))
      .filter(({ action, recipient }) => action !== recipient.action)
      .filter(({ recipient }) => recipient.actionTier === 'A' || !UNSETTLED.includes(recipient.reason ?? ''))
      .map(({ file, name, text, recipient }) => ({ file, name, text, recipient }))
    expect(wrong).toEqual([])
    expect(all.length).toBeGreaterThan(80)
  })

  test('are known wherever they quote a reply', () => {
    const quoted = cases().filter(({ text }) => /^[45]\d\d[ -]/.test(text))
    expect(quoted.filter((one) => hardnessOf(one).name === 'unknown').map(({ text }) => text)).toEqual([])
    expect(quoted.length).toBeGreaterThan(80)
  })
})
