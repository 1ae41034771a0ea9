import type { Writable } from 'node:stream'

/** A message of 77 KB with its commands fits. */
const BUFFER_SIZE = 131_072
/** A write that a relay takes at once returns its buffer at once, so few serve all connections of a process. */
const MOST_BUFFERS = 8
const buffers: Buffer[] = []
let made = 0

/**
 * Writes pieces at once. Node takes 2 to 3 µs for each piece of a write, and a message has a dozen, most of them short: so
 * they are copied into one buffer, which is used again and again, and written as one. What does not fit, or comes while
 * all buffers wait for relays, goes out piece by piece.
 */
export function writePieces(to: Writable, pieces: readonly (string | Uint8Array)[]): void {
  const [first] = pieces
  if (first === undefined) return
  if (pieces.every((piece) => typeof piece === 'string')) to.write(pieces.join(''))
  else if (pieces.length === 1) to.write(first)
  else if (!writeAsOne(to, pieces)) {
    to.cork()
    for (const piece of pieces) to.write(piece)
    to.uncork()
  }
}

function writeAsOne(to: Writable, pieces: readonly (string | Uint8Array)[]): boolean {
  if (boundOf(pieces) > BUFFER_SIZE) return false
  const buffer = buffers.pop() ?? makeBuffer()
  if (buffer === null) return false
  // Called back when it has left, and when it never will.
  to.write(buffer.subarray(0, copy(pieces, buffer)), () => buffers.push(buffer))
  return true
}

function makeBuffer(): Buffer | null {
  if (made === MOST_BUFFERS) return null
  made += 1
  return Buffer.allocUnsafeSlow(BUFFER_SIZE)
}

/** Octets the pieces have at most: UTF-8 takes three for a unit of a JavaScript string. */
function boundOf(pieces: readonly (string | Uint8Array)[]): number {
  let bound = 0
  for (const piece of pieces) bound += typeof piece === 'string' ? piece.length * 3 : piece.length
  return bound
}

function copy(pieces: readonly (string | Uint8Array)[], buffer: Buffer): number {
  let length = 0
  for (const piece of pieces) {
    if (typeof piece === 'string') length += buffer.write(piece, length)
    else {
      buffer.set(piece, length)
      length += piece.length
    }
  }
  return length
}
