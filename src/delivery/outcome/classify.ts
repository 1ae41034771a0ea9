import { readFileSync } from 'node:fs'
import type { ReplyClass } from './reply-class.ts'
import { type ClassifiableReply, fits, parseRules, type Rule } from './reply-rules.ts'

const FILE = 'src/delivery/outcome/replies.txt'

/** The rules of `replies.txt`, read once. */
export const RULES: readonly Rule[] = parseRules(readFileSync(new URL('./replies.txt', import.meta.url), 'utf8'), FILE)

/** Addresses are the readers' own words: one called "spam" decides nothing. */
const ADDRESSES = /[^\s<>()[\]:;,"']+@[^\s<>()[\]:;,"']+/g

/**
 * Says what a reply means: the first rule that fits it decides, `unknown` where none does. One policy for replies in the
 * SMTP dialogue and for those a report quotes.
 */
export function classifyReply(said: ClassifiableReply): ReplyClass {
  return findRule(said)?.name ?? 'unknown'
}

/** The rule that decides about a reply, null where none does. */
export function findRule(said: ClassifiableReply): Rule | null {
  const text = joinLines(said.text).replace(ADDRESSES, '…')
  return RULES.find((rule) => fits(rule, { ...said, text })) ?? null
}

/** The sentence of a reply of several lines, without the codes that each line repeats. RFC 5321 §4.2.1. */
function joinLines(text: string): string {
  const code = /^(\d{3})-/.exec(text)?.[1]
  return code === undefined ? text : text.replace(new RegExp(`\\s${code}[- ](?:\\d\\.\\d+\\.\\d+ )?`, 'g'), ' ')
}
