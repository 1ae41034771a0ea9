import { readFileSync } from 'node:fs'
import type { ReplyClass } from './reply-class.ts'
import { type ClassifiableReply, fits, parseRules, type Rule } from './reply-rules.ts'

const FILE = 'src/delivery/outcome/replies.txt'

/** The rules of `replies.txt`, read once. */
export const RULES: readonly Rule[] = parseRules(readFileSync(new URL('./replies.txt', import.meta.url), 'utf8'), FILE)

/** Addresses are removed before matching: one that contains "spam" must not decide anything. */
const ADDRESSES = /[^\s<>()[\]:;,"']+@[^\s<>()[\]:;,"']+/g

/**
 * Classifies a reply: the first rule that matches decides; `unknown` if none does. The same policy applies to replies in an
 * SMTP session and to those quoted in a report.
 */
export function classifyReply(reply: ClassifiableReply): ReplyClass {
  return findRule(reply)?.name ?? 'unknown'
}

/** The first rule that matches a reply, or null. */
export function findRule(reply: ClassifiableReply): Rule | null {
  const text = joinLines(reply.text).replace(ADDRESSES, '…')
  return RULES.find((rule) => fits(rule, { ...reply, text })) ?? null
}

/** The sentence of a reply of several lines, without the codes that each line repeats. RFC 5321 §4.2.1. */
function joinLines(text: string): string {
  const code = /^(\d{3})-/.exec(text)?.[1]
  return code === undefined ? text : text.replace(new RegExp(`\\s${code}[- ](?:\\d\\.\\d+\\.\\d+ )?`, 'g'), ' ')
}
