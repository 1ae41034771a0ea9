/** Schemes that a link in an article may have. */
const SCHEMES = new Set(['http:', 'https:', 'mailto:'])

/** Makes a link absolute by `base`; null when it stays relative, is not a URL, or has a scheme other than http, https, mailto. */
export function absoluteUrl(link: string, base: string | null): string | null {
  const written = link.trim()
  if (written === '') return null
  const url = URL.parse(written) ?? (base === null ? null : URL.parse(written, base))
  if (url === null || !SCHEMES.has(url.protocol)) return null
  if (url.protocol !== 'mailto:' && url.hostname === '') return null
  return url.href
}

/** As `absoluteUrl`, for http and https alone; words in the place of a link (“Read more”) are no link. */
export function webUrl(link: string | null | undefined, base: string | null): string | null {
  if (link === null || link === undefined || !couldBeLink(link.trim())) return null
  const url = absoluteUrl(withScheme(link.trim(), base), base)
  return url?.startsWith('http') ? url : null
}

/** Adds the scheme that people leave out of “www.…”, and that only a base could give to “//…”. */
function withScheme(link: string, base: string | null): string {
  if (/^www\.[^/]+\./i.test(link)) return `https://${link}`
  return base === null && link.startsWith('//') ? `https:${link}` : link
}

function couldBeLink(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text) || /[/.?]/.test(text)
}

/** Stacks bases, outermost first, each relative to the one before it (XML Base §4); null when none is absolute. */
export function stackBases(bases: readonly (string | null | undefined)[]): string | null {
  return bases.reduce<string | null>((base, next) => (next ? (webUrl(next, base) ?? base) : base), null)
}
