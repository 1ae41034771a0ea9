import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { continueEnvelope, type EnvelopeStep, startMessage } from '../../../src/mail/smtp/envelope-state.ts'
import type { AwaitedReply } from '../../../src/mail/smtp/reply-parser.ts'

const COMMANDS = { mail: 'MAIL\r\n', rcpt: 'RCPT\r\n' }
const ENDED: AwaitedReply = { kind: 'ended', why: 'The connection was closed.' }

type Played = { readonly said: string; readonly heard: number; readonly awaited: number; readonly end: EnvelopeStep }

/** Begins a message with a relay that says `replies`, then no more. */
function play(replies: readonly (string | null)[], pipelined: boolean, reset = false): Played {
  let step = startMessage(COMMANDS, reset, pipelined)
  let [said, heard, awaited] = ['', 0, 0]
  while (step.kind === 'wait') {
    said += step.say.replaceAll('\r\n', ' ')
    awaited += step.more.length
    const text = replies[heard] ?? null
    heard += 1
    step = continueEnvelope(step.state, text === null ? ENDED : { kind: 'reply', code: Number(text.slice(0, 3)), text })
  }
  return { said, heard, awaited, end: step }
}

const CONTENT = { kind: 'content' }
const refused = (stage: string, code: number, reusable: boolean) => ({
  kind: 'over',
  reply: expect.objectContaining({ kind: code < 500 ? 'deferred' : 'refused', code, stage }),
  reusable,
})
const broken = (stage: string, text: string) => ({
  kind: 'over',
  reply: { kind: 'broken', stage, ambiguous: false, text: expect.stringContaining(text) },
  reusable: false,
})

describe('beginning a message', () => {
  it.each([
    [['250 ok', '250 ok', '354 go'], 'MAIL RCPT DATA ', CONTENT],
    [['250 ok', '251 forwarded', '354 go'], 'MAIL RCPT DATA ', CONTENT],
    [['550 5.1.8 no'], 'MAIL ', refused('mail', 550, true)],
    [['250 ok', '451 4.7.1 later'], 'MAIL RCPT ', refused('rcpt', 451, true)],
    [['250 ok', '250 ok', '554 no'], 'MAIL RCPT DATA ', refused('data', 554, true)],
    [['421 bye'], 'MAIL ', broken('mail', '421 bye')],
    [['250 ok', '421 bye'], 'MAIL RCPT ', broken('rcpt', '421 bye')],
    [['250 ok', '250 ok', '421 bye'], 'MAIL RCPT DATA ', broken('data', '421 bye')],
    [['530 5.7.0 log in'], 'MAIL ', broken('auth', '530 5.7.0 log in')],
    [['354 early'], 'MAIL ', broken('mail', 'does not fit: 354 early')],
    [['250 ok', '250 ok', '250 what?'], 'MAIL RCPT DATA ', broken('data', 'does not fit: 250 what?')],
    [[], 'MAIL ', broken('mail', 'closed')],
    [['250 ok', '250 ok'], 'MAIL RCPT DATA ', broken('data', 'closed')],
  ])('goes one command at a time: %j', (replies, said, end) => {
    expect(play(replies, false)).toMatchObject({ said, end, heard: said.split(' ').length - 1 })
  })

  it.each([
    [['250 ok', '250 ok', '354 go'], CONTENT],
    [['250 ok', '550 5.1.1 who?', '554 5.5.1 no recipients'], refused('rcpt', 550, true)],
    [['550 no', '503 no sender', '503 no recipient'], refused('mail', 550, true)],
    [['250 ok', '250 ok', '451 later'], refused('data', 451, true)],
    // What the relay said about the message is known, whatever becomes of the connection.
    [['250 ok', '550 5.1.1 who?'], refused('rcpt', 550, false)],
    [['250 ok', '550 5.1.1 who?', '421 bye'], refused('rcpt', 550, false)],
    [['550 no', '421 bye'], refused('mail', 550, false)],
    // It should not ask for the content of a message it refused.
    [['550 no', '550 no', '354 go'], refused('mail', 550, false)],
    [['250 ok', '550 who?', '250 what?'], refused('rcpt', 550, false)],
    [['421 bye'], broken('mail', '421 bye')],
    [['250 ok', '421 bye'], broken('rcpt', '421 bye')],
    [[], broken('mail', 'closed')],
    [['250 ok'], broken('rcpt', 'closed')],
  ])('goes with all commands at once: %j', (replies, end) => {
    expect(play(replies, true)).toMatchObject({ said: 'MAIL RCPT DATA ', end, awaited: 3 })
  })

  it.each([
    ['554 5.5.1 no recipients', true],
    ['250 taken', true],
    ['421 bye', false],
    [null, false],
  ])('ends the empty message of a relay that asks for content after refusing the recipient: %j', (last, reusable) => {
    const played = play(['250 ok', '550 5.1.1 who?', '354 go', last], true)
    expect(played).toMatchObject({ said: 'MAIL RCPT DATA . ', end: refused('rcpt', 550, reusable), heard: 4 })
  })

  it('resets first after a refusal', () => {
    expect(play(['250 reset', '250 ok', '250 ok', '354 go'], true, true)).toMatchObject({
      said: 'RSET MAIL RCPT DATA ',
      end: CONTENT,
    })
    expect(play(['250 reset', '250 ok', '250 ok', '354 go'], false, true)).toMatchObject({
      said: 'RSET MAIL RCPT DATA ',
      end: CONTENT,
    })
    expect(play(['500 what?'], false, true)).toMatchObject({ said: 'RSET ', end: broken('mail', '500 what?') })
  })

  it('always ends, hears no more replies than it awaits, and is never in doubt', () => {
    const code = fc.constantFrom('250', '251', '354', '421', '450', '530', '550', '334', null)
    const replies = fc.array(
      code.map((one) => one && `${one} x`),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(replies, fc.boolean(), fc.boolean(), (said, pipelined, reset) => {
        const { heard, awaited, end } = play(said, pipelined, reset)
        expect(heard).toBeLessThanOrEqual(awaited)
        if (end.kind !== 'over') return
        expect(end.reply.kind === 'broken' && (end.reusable || end.reply.ambiguous)).toBe(false)
        if (end.reply.kind !== 'broken') expect(end.reply.code).toBeGreaterThanOrEqual(400)
        // A connection that goes on is one whose every reply is in.
        if (end.reusable) expect(heard).toBe(awaited)
      }),
      { numRuns: 2000 },
    )
  })
})
