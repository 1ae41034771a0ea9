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
    const digest = hash('sha1', name, 'buffer')
    // A place whose first half is 0 is free.
    return this.#put(digest.readUInt32LE(0) | 1, digest.readUInt32LE(4))
  }

  /** How many different names have come. */
  get count(): number {
    return this.#count
  }

  #put(high: number, low: number): boolean {
    const marked = high >>> 0
    const mask = this.#slots.length / 2 - 1
    let place = low & mask
    for (; this.#slots[2 * place] !== 0; place = (place + 1) & mask)
      if (this.#slots[2 * place] === marked && this.#slots[2 * place + 1] === low) return false
    this.#count += 1
    if (this.#isFull()) return true
    this.#slots[2 * place] = marked
    this.#slots[2 * place + 1] = low
    if (this.#count > LOAD * (mask + 1) && mask + 1 < MOST_PLACES) this.#grow()
    return true
  }

  #isFull(): boolean {
    return this.#count > LOAD * MOST_PLACES
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(2 * old.length)
    this.#count = 0
    for (let at = 0; at < old.length; at += 2) {
      const high = old[at] ?? 0
      if (high !== 0) this.#put(high, old[at + 1] ?? 0)
    }
  }
}
