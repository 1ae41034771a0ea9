import { randomBytes } from 'node:crypto'

/** One marker a slot, of lower-case letters and digits, to stand in a message where a reader's value will stand. */
export type Markers<S extends string> = { readonly [K in S]: string }

/** A place in a message that is filled for every reader. */
export type Placeholder<S extends string> = { readonly placeholder: S }

/**
 * Makes one marker a slot. They carry a nonce of 96 bits, so that no foreign content can hold one; no marker begins with
 * another, and none is changed by escaping, by a change of case to lower, or by being wrapped.
 */
export function makeMarkers<S extends string>(slots: readonly S[]): Markers<S> {
  const nonce = randomBytes(12).toString('hex')
  const markers = slots.map((slot, index) => [slot, `slot${index}x${nonce}`])
  return Object.fromEntries(markers) as Record<S, string> // Exactly the keys of `slots`, by the line above.
}

/** Cuts `text` at its markers into fixed pieces and slots, in order, without empty pieces. */
export function cutAtMarkers<S extends string>(text: string, markers: Markers<S>): (string | Placeholder<S>)[] {
  const slotOf = new Map<string, S>()
  for (const slot in markers) slotOf.set(markers[slot], slot)
  if (slotOf.size === 0) return text === '' ? [] : [text]
  const anyMarker = new RegExp(`(${[...slotOf.keys()].join('|')})`)
  return text.split(anyMarker).flatMap((piece): (string | Placeholder<S>)[] => {
    const slot = slotOf.get(piece)
    if (slot !== undefined) return [{ placeholder: slot }]
    return piece === '' ? [] : [piece]
  })
}
