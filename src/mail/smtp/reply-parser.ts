/** A whole reply: `text` is its lines as they came, codes included, joined by line feeds and cut to 8 KiB. */
export type ServerReply = { readonly kind: 'reply'; readonly code: number; readonly text: string }

/** What a relay was heard to say; after a protocol error nothing it sends can be relied on. */
export type ParsedReply = ServerReply | { readonly kind: 'protocol-error'; readonly why: string }

/** What comes of waiting for a reply: it, or why there will be none. */
export type AwaitedReply = ServerReply | { readonly kind: 'ended'; readonly why: string }

/** What was heard of a reply that is not whole yet. */
type ParserState = {
  /** The line that has no end yet, cut to what is kept of it. */
  readonly line: Buffer
  /** Whole lines of the reply, and their code; null before the first. */
  readonly text: string
  readonly code: number | null
  /** Octets of the reply so far, kept or not. */
  readonly size: number
  readonly failed: boolean
}

/** Where every connection starts. */
export const INITIAL_STATE: ParserState = { line: Buffer.alloc(0), text: '', code: null, size: 0, failed: false }

/** RFC 5321 §4.5.3.1.5 gives a line 512 octets; more is dropped, so that a talkative relay is still understood. */
const LONGEST_KEPT = 8192
/** A reply without an end is cut off here. */
const LONGEST_REPLY = 262_144

const LF = 0x0a
const CR = 0x0d
/** RFC 5321 §4.2: a code of the classes 2 to 5, then a space, or a hyphen where more lines follow, or nothing. */
const REPLY_LINE = /^([2-5]\d\d)(?:([ -])|$)/

/**
 * Reads replies from the octets of a relay, however they are cut into chunks.
 *
 * RFC 5321 §4.2.1, with two liberties: a line may end with LF alone, and empty lines between replies are passed over. A
 * line without a code, lines of one reply with different codes, and a reply of more than 256 KiB are protocol errors.
 */
export function readReplies(
  rest: ParserState,
  chunk: Uint8Array,
): { readonly heard: readonly ParsedReply[]; readonly rest: ParserState } {
  const heard: ParsedReply[] = []
  let now = rest
  let from = 0
  while (from < chunk.length && !now.failed) {
    const end = chunk.indexOf(LF, from)
    now = append(now, chunk.subarray(from, end < 0 ? chunk.length : end + 1))
    from = end < 0 ? chunk.length : end + 1
    const read = now.size > LONGEST_REPLY ? protocolError('it is longer than 256 KiB') : end < 0 ? now : readLine(now)
    if ('kind' in read) heard.push(read)
    now = 'kind' in read ? (read.kind === 'protocol-error' ? { ...INITIAL_STATE, failed: true } : INITIAL_STATE) : read
  }
  return { heard, rest: now }
}

function append(rest: ParserState, octets: Uint8Array): ParserState {
  const kept = octets.subarray(0, Math.max(0, LONGEST_KEPT - rest.line.length))
  const line = kept.length === 0 ? rest.line : Buffer.concat([rest.line, kept])
  return { ...rest, line, size: rest.size + octets.length }
}

/** Takes the line that is whole now: a reply when it was its last, else what is known of the reply. */
function readLine(rest: ParserState): ParsedReply | ParserState {
  const line = decode(trimEnd(rest.line))
  if (line === '' && rest.code === null) return INITIAL_STATE
  const [, digits, sign] = REPLY_LINE.exec(line) ?? []
  if (digits === undefined) return protocolError(`it has no code: ${line}`)
  const code = Number(digits)
  if (rest.code !== null && rest.code !== code)
    return protocolError(`its lines have different codes: ${rest.text}\n${line}`)
  const text = (rest.code === null ? line : `${rest.text}\n${line}`).slice(0, LONGEST_KEPT)
  if (sign !== '-') return { kind: 'reply', code, text }
  return { ...rest, line: INITIAL_STATE.line, text, code }
}

function trimEnd(line: Buffer): Buffer {
  let end = line.length
  if (line[end - 1] === LF) end -= 1
  if (line[end - 1] === CR) end -= 1
  return line.subarray(0, end)
}

/** Replies have no charset; most relays write UTF-8. */
function decode(octets: Buffer): string {
  const text = octets.toString('utf8')
  return text.includes('\ufffd') ? octets.toString('latin1') : text
}

function protocolError(why: string): ParsedReply {
  return { kind: 'protocol-error', why: `The relay's reply cannot be understood: ${why}` }
}
