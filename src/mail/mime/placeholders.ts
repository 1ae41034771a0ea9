import { randomBytes } from 'node:crypto'

/** Places in a composed message that are filled later: `insert` returns a token to compose with, `split` replaces it. */
type Placeholders<Piece> = {
  readonly insert: (pieces: readonly Piece[]) => string
  readonly split: (composed: string) => (Buffer | Piece)[]
}

/** A whole header around its token (in an address or not), or the token of a body, with the line break after the last. */
const TOKEN = /^[^\s:]+:\s+<?(part[0-9a-f]{24})(?:@part\.invalid>?)?\r\n|(part[0-9a-f]{24})(?:\r\n(?![\s\S]))?/gm

/** Creates a set of placeholders. A token cannot be guessed, and leaves no trace in what `split` returns. */
export function createPlaceholders<Piece>(): Placeholders<Piece> {
  const behind = new Map<string, readonly Piece[]>()
  return {
    insert: (pieces) => {
      const token = `part${randomBytes(12).toString('hex')}`
      behind.set(token, pieces)
      return token
    },
    split: (composed) => {
      const pieces: (Buffer | Piece)[] = []
      let from = 0
      for (const match of composed.matchAll(TOKEN)) {
        const standing = behind.get(match[1] ?? match[2] ?? '')
        if (standing === undefined) continue
        pieces.push(Buffer.from(composed.slice(from, match.index)), ...standing)
        from = match.index + match[0].length
      }
      pieces.push(Buffer.from(composed.slice(from)))
      return joinBuffers(pieces)
    },
  }
}

function joinBuffers<Piece>(pieces: readonly (Buffer | Piece)[]): (Buffer | Piece)[] {
  const joined: (Buffer | Piece)[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (Buffer.isBuffer(piece) && Buffer.isBuffer(last)) joined[joined.length - 1] = Buffer.concat([last, piece])
    else if (!Buffer.isBuffer(piece) || piece.length > 0) joined.push(piece)
  }
  return joined
}
