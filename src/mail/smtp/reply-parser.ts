/** A whole reply: `text` is its lines as they came, codes included, joined by line feeds and cut to 8 KiB. */
export type ServerReply = { readonly kind: 'reply'; readonly code: number; readonly text: string }

/** What a relay was heard to say; after a flaw nothing it says can be relied on. */
export type Heard = ServerReply | { readonly kind: 'flaw'; readonly why: string }

/** What comes of waiting for a reply: it, or why there will be none. */
export type Said = ServerReply | { readonly kind: 'ended'; readonly why: string }

/** What was heard of a reply that is not whole yet. */
export type Rest = {
  /** The line that has no end yet, cut to what is kept of it. */
  readonly line: Buffer
  /** Whole lines of the reply, and their code; null before the first. */
  readonly text: string
  readonly code: number | null
  /** Octets of the reply so far, kept or not. */
  readonly size: number
  readonly deaf: boolean
}

/** Where every connection starts. */
export const NOTHING_HEARD: Rest = { line: Buffer.alloc(0), text: '', code: null, size: 0, deaf: false }

/** RFC 5321 §4.5.3.1.5 gives a line 512 octets; more is dropped, so that a talkative relay is still understood. */
const KEPT = 8192
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
 * line without a code, lines of one reply with different codes, and a reply of more than 256 KiB are flaws.
 */
export function readReplies(rest: Rest, chunk: Uint8Array): { readonly heard: readonly Heard[]; readonly rest: Rest } {
  const heard: Heard[] = []
  let now = rest
  let from = 0
  while (from < chunk.length && !now.deaf) {
    const end = chunk.indexOf(LF, from)
    now = hold(now, chunk.subarray(from, end < 0 ? chunk.length : end + 1))
    from = end < 0 ? chunk.length : end + 1
    const read = now.size > LONGEST_REPLY ? flaw('it is longer than 256 KiB') : end < 0 ? now : readLine(now)
    if ('kind' in read) heard.push(read)
    now = 'kind' in read ? (read.kind === 'flaw' ? { ...NOTHING_HEARD, deaf: true } : NOTHING_HEARD) : read
  }
  return { heard, rest: now }
}

function hold(rest: Rest, octets: Uint8Array): Rest {
  const kept = octets.subarray(0, Math.max(0, KEPT - rest.line.length))
  const line = kept.length === 0 ? rest.line : Buffer.concat([rest.line, kept])
  return { ...rest, line, size: rest.size + octets.length }
}

/** Takes the line that is whole now: a reply when it was its last, else what is known of the reply. */
function readLine(rest: Rest): Heard | Rest {
  const line = decode(trimEnd(rest.line))
  if (line === '' && rest.code === null) return NOTHING_HEARD
  const [, digits, sign] = REPLY_LINE.exec(line) ?? []
  if (digits === undefined) return flaw(`it has no code: ${line}`)
  const code = Number(digits)
  if (rest.code !== null && rest.code !== code) return flaw(`its lines have different codes: ${rest.text}\n${line}`)
  const text = (rest.code === null ? line : `${rest.text}\n${line}`).slice(0, KEPT)
  if (sign !== '-') return { kind: 'reply', code, text }
  return { ...rest, line: NOTHING_HEARD.line, text, code }
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

function flaw(why: string): Heard {
  return { kind: 'flaw', why: `The relay's reply cannot be understood: ${why}` }
}
