import { CourantError } from '../../errors.ts'
import type { SendStage } from '../../mail/smtp/reply.ts'
import { isReplyClass, type ReplyClass } from './reply-class.ts'

/** A reply to classify; null for what is unknown, as in a bounce report. */
export type ClassifiableReply = {
  readonly code: number | null
  /** RFC 3463, `5.1.1`. */
  readonly enhanced: string | null
  readonly stage: SendStage | null
  readonly text: string
}

/** A line of `replies.txt`; a condition that is null always holds. */
export type Rule = {
  readonly name: ReplyClass
  readonly line: number
  /** Digits of the code as far as they matter: `5`, `550`. */
  readonly code: string | null
  /** `[class, subject, detail]`, null for any; `none` asks that there be no enhanced code, or x.0.0. */
  readonly enhanced: readonly (string | null)[] | 'none' | null
  readonly stage: SendStage | null
  readonly words: RegExp | null
  /** The real replies above it. */
  readonly quotes: readonly Quote[]
}

/** A real reply and the server that sent it. */
export type Quote = { readonly sender: string; readonly reply: string }

const STAGES: readonly string[] = ['mail', 'rcpt', 'data', 'content'] satisfies SendStage[]
const isStage = (word: string): word is SendStage => STAGES.includes(word)

/**
 * Parses the rules of a file such as `replies.txt`, which describes its format at the top. Throws `replies.rule`, which names
 * file and line, for a line that cannot be read, a rule without a quote, and a quote without a rule.
 */
export function parseRules(text: string, file: string): readonly Rule[] {
  const rules: Rule[] = []
  let quotes: Quote[] = []
  const lines = text.split(/\r?\n/)
  for (const [at, line] of lines.entries()) {
    const fail = (why: string, todo: string) => badLine(file, at + 1, why, todo)
    if (line.startsWith('>')) quotes.push(readQuote(line, fail))
    else if (line.trim() !== '' && !line.startsWith('#')) {
      if (quotes.length === 0) throw fail('There is no reply above it.', 'Quote a real one: "> Sender: 550 5.1.1 …".')
      rules.push({ ...readRule(line, fail), line: at + 1, quotes })
      quotes = []
    } else if (quotes.length > 0)
      throw fail('A reply is quoted, and no rule follows.', 'Write the rule right below it.')
  }
  if (quotes.length > 0) throw badLine(file, lines.length, 'A reply is quoted, and no rule follows.', 'Write the rule.')
  return rules
}

/** Whether every condition of the rule holds. */
export function fits(rule: Rule, { code, enhanced, stage, text }: ClassifiableReply): boolean {
  // A report may contain the enhanced code alone; its class is that of the code (RFC 3463 §2).
  const digits = code === null ? (enhanced ?? '').slice(0, 1) : String(code)
  if (rule.code !== null && !digits.startsWith(rule.code)) return false
  if (rule.stage !== null && rule.stage !== stage) return false
  // RFC 3463 §3.1: x.0.0 says nothing more than the class.
  if (rule.enhanced === 'none' && enhanced !== null && !enhanced.endsWith('.0.0')) return false
  if (rule.enhanced !== null && rule.enhanced !== 'none') {
    const parts = enhanced?.split('.') ?? []
    if (parts.length !== 3 || !rule.enhanced.every((part, at) => part === null || part === parts[at])) return false
  }
  return rule.words === null || rule.words.test(text)
}

type Fail = (why: string, todo: string) => CourantError

function readQuote(line: string, fail: Fail): Quote {
  const [, sender, reply] = /^> ([^:]+): (.+)$/.exec(line) ?? []
  if (sender === undefined || reply === undefined) {
    throw fail('A quote has a sender and a reply.', 'Write "> Sender: 550 5.1.1 …".')
  }
  return { sender, reply }
}

function readRule(line: string, fail: Fail): Omit<Rule, 'line' | 'quotes'> {
  const [, head = '', words, name = ''] = /^([^/]*?)(?:\/(.+)\/)? *-> *(\S+)$/.exec(line) ?? []
  if (!isReplyClass(name))
    throw fail('It names no class.', 'Write "conditions -> class", the class as in reply-class.ts.')
  const conditions = head.split(' ').filter((word) => word !== '')
  if (conditions.length === 0 && words === undefined) {
    throw fail('It has no condition.', 'Write a code (550, 5xx), an enhanced code (5.1.1, x.1.x), a stage or /words/.')
  }
  let rule: Omit<Rule, 'line' | 'quotes'> = {
    name,
    code: null,
    enhanced: null,
    stage: null,
    words: readWords(words, fail),
  }
  for (const word of conditions) rule = { ...rule, ...readCondition(word, fail) }
  return rule
}

function readCondition(word: string, fail: Fail): Partial<Rule> {
  if (/^[45](\d\d|xx)$/.test(word)) return { code: word.replace('xx', '') }
  if (/^([45]|x)\.(\d+|x)\.(\d+|x)$/.test(word)) {
    return { enhanced: word.split('.').map((part) => (part === 'x' ? null : part)) }
  }
  if (word === 'none') return { enhanced: 'none' }
  if (isStage(word)) return { stage: word }
  throw fail(`"${word}" is no condition.`, 'Write a code (550, 5xx), an enhanced code (5.1.1, x.1.x, none) or a stage.')
}

function readWords(words: string | undefined, fail: Fail): RegExp | null {
  if (words === undefined) return null
  try {
    return new RegExp(words, 'i')
  } catch {
    throw fail(`/${words}/ is no regular expression.`, 'Correct it; a slash needs no backslash.')
  }
}

function badLine(file: string, line: number, why: string, todo: string): CourantError {
  return new CourantError('replies.rule', { what: `Line ${line} of ${file} cannot be used.`, why, todo })
}
