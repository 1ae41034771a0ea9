import type { IOptions } from 'sanitize-html'

/** Elements within elements; pages have some dozens. */
const DEEPEST = 1_000

/**
 * Options with which sanitize-html throws on elements nested too deep to be meant. Its parser takes the square of the
 * depth in time: 20 s for a document of 2 MB that only opens elements. Made anew for each document.
 */
export function limitDepth(): Pick<IOptions, 'onOpenTag' | 'onCloseTag'> {
  let depth = 0
  return {
    onOpenTag: () => {
      depth += 1
      if (depth > DEEPEST) throw new RangeError('elements are nested too deep')
    },
    onCloseTag: () => {
      depth -= 1
    },
  }
}
