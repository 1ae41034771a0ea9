/** Parameters that say where a reader came from and nothing about what is read. */
const TRACKING =
  /^(utm_.*|mtm_.*|pk_(campaign|kwd|source|medium)|at_(medium|campaign|custom\d|link.*|format|ptr.*)|ns_(mchannel|source|campaign|linkname|fee)|hsa_.*|_hs(enc|mi)|mc_[ce]id|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|twclid|ttclid|igshid|igsh|li_fat_id|mkt_tok|vero_(id|conv)|oly_(anon|enc)_id|wickedid|wt_z?mc|xtor|wprss|ftag|s_cid|cmpid|echobox)$/i
/** Ordinary names that track only with such a value. */
const WITH_VALUE = /^(ref|src|source|from|partner|cid|via|feed|campaign|cmp|ito|ncid|ocid)=(rss|feed|atom|newsletter)/i

/**
 * Writes an address in one way: host in lower case, no default port, no tracking in query or fragment. What is left
 * of the query keeps its order and its spelling. The address must be http or https.
 */
export function canonicalUrl(address: string): string {
  const url = new URL(address)
  const query = withoutTracking(url.search.slice(1))
  url.search = query === '' ? '' : `?${query}`
  url.hash = tracks(url.hash.slice(1)) ? '' : url.hash
  return url.href
}

/** A canonical address without what may change while it stays the same page: scheme, “www.”, the slash at the end. */
export function urlKey(canonical: string): string {
  const [, page = '', rest = ''] = /^https?:\/\/(?:www\.)?([^?#]*)(.*)$/i.exec(canonical) ?? []
  return page.replace(/\/+$/, '') + rest
}

function withoutTracking(query: string): string {
  return query
    .split('&')
    .filter((part) => part !== '' && !isTracking(part))
    .join('&')
}

function isTracking(part: string): boolean {
  return TRACKING.test(part.split('=', 1)[0] ?? '') || WITH_VALUE.test(part)
}

/** A fragment of tracking parameters alone (#xtor=RSS-1); any other may name the part that is meant. */
function tracks(fragment: string): boolean {
  const parts = fragment.replace(/^\?/, '').split('&')
  return fragment !== '' && (parts.every(isTracking) || /^(rss|feed|ref=rss)$/i.test(fragment))
}
