import type { Writable } from 'node:stream'

/** A message of 77 KB with its commands fits. */
const ROOM = 131_072

/**
 * Opens a way to write pieces at once. Node takes 2 to 3 µs for each piece of a write, and a message has a dozen, most of
 * them short: so they are copied into one buffer, which is used again and again, and written as one. What does not fit, or
 * comes before the last has left, goes out piece by piece.
 */
export function openWriting(): (to: Writable, pieces: readonly (string | Uint8Array)[]) => void {
  let room: Buffer | null = null
  let isFree = true
  const free = () => {
    isFree = true
  }
  return (to, pieces) => {
    const [first] = pieces
    if (first === undefined) return
    if (pieces.every((piece) => typeof piece === 'string')) to.write(pieces.join(''))
    else if (pieces.length === 1) to.write(first)
    else if (isFree && boundOf(pieces) <= ROOM) {
      room ??= Buffer.allocUnsafeSlow(ROOM)
      isFree = false
      to.write(room.subarray(0, copy(pieces, room)), free)
    } else {
      to.cork()
      for (const piece of pieces) to.write(piece)
      to.uncork()
    }
  }
}

/** Octets the pieces have at most: UTF-8 takes three for a unit of a JavaScript string. */
function boundOf(pieces: readonly (string | Uint8Array)[]): number {
  let bound = 0
  for (const piece of pieces) bound += typeof piece === 'string' ? piece.length * 3 : piece.length
  return bound
}

function copy(pieces: readonly (string | Uint8Array)[], room: Buffer): number {
  let length = 0
  for (const piece of pieces) {
    if (typeof piece === 'string') length += room.write(piece, length)
    else {
      room.set(piece, length)
      length += piece.length
    }
  }
  return length
}
