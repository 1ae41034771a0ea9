/** Chance that is the same every time: all of a simulation comes from the seed of its dice. */
export type Dice = {
  /** A whole number from 0 to `count` − 1. */
  readonly below: (count: number) => number
  /** True in `percent` of a hundred throws. */
  readonly chance: (percent: number) => boolean
  readonly pick: <const T>(from: readonly [T, ...T[]]) => T
  /** One of these by weight. */
  readonly weigh: <T extends string>(weights: Readonly<Record<T, number>>) => T
}

/** Dice by mulberry32, a generator of 32 bits of state. */
export function throwDice(seed: number): Dice {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(next() * count)
  return {
    below,
    chance: (percent) => next() * 100 < percent,
    pick: (from) => from[below(from.length)] ?? from[0],
    weigh: <T extends string>(weights: Readonly<Record<T, number>>): T => {
      const entries = Object.entries<number>(weights)
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      const found = entries.find(([, weight]) => {
        left -= weight
        return left < 0
      })
      for (const name in weights) if (name === (found ?? entries[0])?.[0]) return name
      throw new RangeError('nothing to weigh')
    },
  }
}
