/** A feed as its format says it, in one shape for all formats: nothing decoded, sanitised or made absolute yet. */
export type RawFeed = {
  readonly title: Words | null
  readonly link: string | null
  readonly language: string | null
  /** Minutes that the feed may be kept before it is asked for again, in its own words. */
  readonly ttl: number | null
  readonly items: readonly RawItem[]
}

/** Lists hold candidates, the best first. `bases` are for relative links, outermost first. */
export type RawItem = {
  readonly id: string | null
  readonly links: readonly string[]
  readonly title: Words | null
  readonly summary: Words | null
  readonly content: Words | null
  readonly authors: readonly string[]
  readonly dates: readonly string[]
  readonly topics: readonly string[]
  readonly images: readonly RawImage[]
  readonly bases: readonly (string | null)[]
  /** Of the content alone, relative to `bases`. */
  readonly contentBase: string | null
}

/** Text, and whether it is to be read as HTML. */
export type Words = { readonly text: string; readonly html: boolean }

/** Sizes in pixels; null where they are not stated. */
export type RawImage = {
  readonly url: string
  readonly alt: string | null
  readonly width: number | null
  readonly height: number | null
}

/** The values that are there, without repeating one. */
export function present(...values: readonly (string | null | undefined)[]): string[] {
  return [...new Set(values.filter((value): value is string => typeof value === 'string' && value !== ''))]
}

/** The first of these texts that is there, to be read as HTML: in RSS nobody says which it is, and HTML it often is. */
export function asHtml(...values: readonly (string | null | undefined)[]): Words | null {
  const text = present(...values)[0]
  return text === undefined ? null : { text, html: true }
}
