import { createHash } from 'node:crypto'

/** Pages rendered last, by all that they are made of. */
type PageCache = {
  readonly find: (parts: unknown) => string | null
  readonly keep: (parts: unknown, html: string) => void
}

/** Keeps this many pages, those that were asked for last; an edition's has up to 100 KB. */
export function openPageCache(most: number): PageCache {
  const kept = new Map<string, string>()
  const put = (key: string, html: string) => {
    kept.delete(key)
    kept.set(key, html)
    for (const oldest of kept.keys()) if (kept.size > most) kept.delete(oldest)
  }
  return {
    find: (parts) => {
      const key = fingerprint(JSON.stringify(parts))
      const html = kept.get(key)
      if (html !== undefined) put(key, html)
      return html ?? null
    },
    keep: (parts, html) => put(fingerprint(JSON.stringify(parts)), html),
  }
}

/** Short enough for an ETag, long enough that no two texts share it. */
export const fingerprint = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 22)
