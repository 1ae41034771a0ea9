import { randomBytes } from 'node:crypto'

/** One marker for each placeholder, of lower-case letters and digits, to stand in a message where a reader's value will stand. */
export type Markers<S extends string> = { readonly [K in S]: string }

/** A place in a message that is filled for every reader. */
export type Placeholder<S extends string> = { readonly placeholder: S }

/**
 * Makes one marker for each placeholder. They carry a nonce of 96 bits, so that no foreign content can hold one; no marker begins with
 * another, and none is changed by escaping, by a change of case to lower, or by being wrapped.
 */
export function makeMarkers<S extends string>(placeholders: readonly S[]): Markers<S> {
  const nonce = randomBytes(12).toString('hex')
  const markers = placeholders.map((placeholder, index) => [placeholder, `slot${index}x${nonce}`])
  return Object.fromEntries(markers) as Record<S, string> // Exactly the keys of `placeholders`, by the line above.
}

/** Cuts `text` at its markers into fixed pieces and placeholders, in order, without empty pieces. */
export function cutAtMarkers<S extends string>(text: string, markers: Markers<S>): (string | Placeholder<S>)[] {
  const placeholderOf = new Map<string, S>()
  for (const placeholder in markers) placeholderOf.set(markers[placeholder], placeholder)
  if (placeholderOf.size === 0) return text === '' ? [] : [text]
  const anyMarker = new RegExp(`(${[...placeholderOf.keys()].join('|')})`)
  return text.split(anyMarker).flatMap((piece): (string | Placeholder<S>)[] => {
    const placeholder = placeholderOf.get(piece)
    if (placeholder !== undefined) return [{ placeholder }]
    return piece === '' ? [] : [piece]
  })
}
