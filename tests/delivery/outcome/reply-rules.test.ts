import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classifyReply, findRule, RULES } from '../../../src/delivery/outcome/classify.ts'
import { CLASSES, isReplyClass } from '../../../src/delivery/outcome/reply-class.ts'
import { type ClassifiableReply, parseRules } from '../../../src/delivery/outcome/reply-rules.ts'
import { CourantError } from '../../../src/errors.ts'
import { parseEnhanced, replyCode } from '../../../src/mail/smtp/reply-text.ts'

const replyOf = (text: string, stage: ClassifiableReply['stage'] = 'rcpt'): ClassifiableReply => ({
  code: replyCode(text),
  enhanced: parseEnhanced(text),
  stage,
  text,
})

const quotes = RULES.flatMap((rule) => rule.quotes.map((quote) => ({ ...quote, rule })))

describe('replies.txt', () => {
  test.each(quotes)('has a rule that decides about $sender: $reply', ({ reply, rule }) => {
    const stages = rule.stage === null ? (['rcpt', 'data', null] as const) : [rule.stage]
    for (const stage of stages)
      expect(findRule(replyOf(reply, stage))).toMatchObject({ line: rule.line, name: rule.name })
  })

  test('quotes the senders that German readers have their mailboxes at, and the relays they are mailed through', () => {
    const senders = new Set(quotes.map(({ sender }) => sender))
    for (const sender of [
      'Gmail',
      'Outlook',
      'Exchange Online',
      'Yahoo',
      'AOL',
      'Apple',
      'GMX',
      'WEB.DE',
      't-online',
      'Strato',
      'IONOS',
      'Posteo',
    ]) {
      expect(senders).toContain(sender)
    }
    for (const sender of [
      'Postfix',
      'Exim',
      'Proofpoint',
      'Mimecast',
      'Barracuda',
      'Cloudmark',
      'Amazon SES',
      'SendGrid',
      'Mailgun',
    ]) {
      expect(senders).toContain(sender)
    }
  })

  test('uses every class but the one for what fits no rule', () => {
    const used = new Set<string>(RULES.map(({ name }) => name))
    expect(Object.keys(CLASSES).filter((name) => !used.has(name))).toEqual(['unknown'])
  })
})

describe('a reply', () => {
  test('that no rule quotes is unknown, by itself and with an address full of meaningful words', () => {
    for (const text of ['550 <spam-dmarc-quota-exceeded@example.net> 42', '550 no', '451 try later', '599', '']) {
      expect(classifyReply(replyOf(text))).toBe('unknown')
    }
  })

  test('of several lines means what it would in one', () => {
    expect(classifyReply(replyOf('550-5.7.1 Mailbox 550-5.7.1 not 550 5.7.1 found'))).toBe('unknown-mailbox')
  })

  const replies = fc.record({
    code: fc.constantFrom(421, 450, 451, 452, 454, 500, 501, 521, 530, 550, 551, 552, 553, 554, 556),
    subject: fc.integer({ min: 0, max: 8 }),
    detail: fc.integer({ min: 0, max: 30 }),
    words: fc.constantFrom(...quotes.map(({ reply }) => reply.replace(/^[\d.\- ]+/, '')), 'no', ''),
  })
  const textOf = ({ code, subject, detail, words }: { code: number; subject: number; detail: number; words: string }) =>
    `${code} ${String(code)[0]}.${subject}.${detail} ${words}`

  test('always has a class', () => {
    const stages = fc.constantFrom('mail', 'rcpt', 'data', 'content', null)
    fc.assert(
      fc.property(replies, stages, (reply, stage) => isReplyClass(classifyReply(replyOf(textOf(reply), stage)))),
    )
  })

  test('to MAIL, before a recipient was named, never suppresses an address', () => {
    const refusals = replies.filter(({ code, subject }) => code >= 500 && subject !== 2)
    fc.assert(
      fc.property(refusals, (reply) => {
        expect(CLASSES[classifyReply(replyOf(textOf(reply), 'mail'))].suppresses).toBe(false)
      }),
    )
  })

  test('that is not attributed to the reader never suppresses an address', () => {
    for (const facts of Object.values(CLASSES))
      if (facts.attributedTo !== 'reader') expect(facts.suppresses).toBe(false)
  })
})

describe('a file of rules', () => {
  const broken = (text: string) => {
    try {
      parseRules(text, 'some/replies.txt')
    } catch (error) {
      return error instanceof CourantError ? `${error.code} ${error.message} ${error.todo}` : String(error)
    }
    return 'read'
  }

  test.each([
    ['# rules\n5.1.1 -> unknown-mailbox', 2, 'no reply above'],
    ['> Gmail: 550 5.1.1 no\n\n5.1.1 -> unknown-mailbox', 2, 'no rule follows'],
    ['> Gmail: 550 5.1.1 no', 1, 'no rule follows'],
    ['> Gmail 550 5.1.1 no\n5.1.1 -> unknown-mailbox', 1, 'sender and a reply'],
    ['> Gmail: 550 no\n550 -> lost', 2, 'names no class'],
    ['> Gmail: 550 no\n550 unknown-mailbox', 2, 'names no class'],
    ['> Gmail: 550 no\n-> unknown-mailbox', 2, 'no condition'],
    ['> Gmail: 550 no\n5.1 -> unknown-mailbox', 2, '"5.1" is no condition'],
    ['> Gmail: 550 no\nrecipient -> unknown-mailbox', 2, '"recipient" is no condition'],
    ['> Gmail: 550 no\n550 /(no/ -> unknown-mailbox', 2, 'no regular expression'],
  ])('is refused with its name, the line and what to do: %j', (text, line, why) => {
    const message = broken(text)
    expect(message).toContain(`replies.rule Line ${line} of some/replies.txt cannot be used.`)
    expect(message).toContain(why)
    expect(message).toMatch(/Write|Correct|Quote/)
  })

  test('never fails in another way', () => {
    const lines = fc.constantFrom(
      '> A: 550 x',
      '#',
      '',
      '5.1.1 -> unknown-mailbox',
      '/',
      '//->unknown-mailbox',
      '> ',
      '-> ',
      '550 /a/b/ -> full',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(lines, fc.string())), (text) => {
        expect(broken(text.join('\n'))).toMatch(/^(read$|replies\.rule )/)
      }),
    )
  })
})
