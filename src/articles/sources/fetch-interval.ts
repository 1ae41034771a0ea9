const SHORTEST_MINUTES = 5
const LONGEST_MINUTES = 24 * 60
/** Two fetches in three that bring nothing keep the pace: a source is asked about three times for each thing new. */
const WHEN_NEW = 0.5
const WHEN_NOTHING = 1.4

/**
 * How long to wait after a successful fetch, from how long it was before it: shorter when that brought something new,
 * else longer; between 5 minutes and 24 hours.
 */
export function nextInterval(beforeMinutes: number, brought: number): number {
  const wanted = Math.round(beforeMinutes * (brought > 0 ? WHEN_NEW : WHEN_NOTHING))
  return Math.min(Math.max(wanted, SHORTEST_MINUTES), LONGEST_MINUTES)
}

/** For how many seconds a server says its answer stays good; 0 when it does not. RFC 9111 §5.2.2. */
export function readMaxAge(cacheControl: string | null): number {
  if (cacheControl === null || /\b(no-cache|no-store)\b/i.test(cacheControl)) return 0
  return Number(/(?:^|[\s,])max-age\s*=\s*"?(\d{1,9})/i.exec(cacheControl)?.[1] ?? 0)
}
