import { hash } from 'node:crypto'

/** Eight octets a place, of which 60 % are used: 5 million names in 64 MB. */
const MOST_PLACES = 2 ** 23
const FIRST_PLACES = 2 ** 12
const LOAD = 0.6

/**
 * Remembers which names have come already, by 64 bits of their hash, in memory that is bounded: once five million are
 * remembered, further ones are always new.
 */
export class SeenNames {
  #slots = new Uint32Array(2 * FIRST_PLACES)
  #count = 0

  /** Whether the name comes for the first time. */
  add(name: string): boolean {
    return this.#put(markOf(name))
  }

  has(name: string): boolean {
    return this.#slots[2 * this.#placeOf(markOf(name))] !== 0
  }

  /** How many different names have come. */
  get count(): number {
    return this.#count
  }

  /** Where a name is, or would be. */
  #placeOf({ high, low }: Mark): number {
    const mask = this.#slots.length / 2 - 1
    let place = low & mask
    while (this.#slots[2 * place] !== 0 && (this.#slots[2 * place] !== high || this.#slots[2 * place + 1] !== low))
      place = (place + 1) & mask
    return place
  }

  #put(mark: Mark): boolean {
    const place = this.#placeOf(mark)
    if (this.#slots[2 * place] !== 0) return false
    this.#count += 1
    if (this.#count > LOAD * MOST_PLACES) return true
    this.#slots[2 * place] = mark.high
    this.#slots[2 * place + 1] = mark.low
    if (this.#count > (LOAD * this.#slots.length) / 2) this.#grow()
    return true
  }

  #grow(): void {
    const old = this.#slots
    if (old.length >= 2 * MOST_PLACES) return
    this.#slots = new Uint32Array(2 * old.length)
    this.#count = 0
    for (let at = 0; at < old.length; at += 2) {
      const mark = { high: old[at] ?? 0, low: old[at + 1] ?? 0 }
      if (mark.high !== 0) this.#put(mark)
    }
  }
}

/** 64 bits of a name's hash. */
type Mark = { readonly high: number; readonly low: number }

function markOf(name: string): Mark {
  const digest = hash('sha1', name, 'buffer')
  // A place whose first half is 0 is free.
  return { high: (digest.readUInt32LE(0) | 1) >>> 0, low: digest.readUInt32LE(4) }
}
