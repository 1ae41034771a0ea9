import { detect } from 'tinyld/light'

/** Below this many characters a guess at the language is a coin toss; beyond the other it gets no better. */
const ENOUGH_TO_DETECT = 60
const ENOUGH_TO_KNOW = 500

/**
 * Reads a language as it is declared (`de_at`, `DE`, `de_DE.UTF-8`, the first of `en-us, de`) as BCP 47 (`de-AT`); null
 * when it is none: a name (“German”), the language nobody knows (`und`), or the one of a template that was never filled in.
 */
export function readLanguage(text: string | null): string | null {
  const first = text?.trim().split(/[\s,;.@|]/, 1)[0] ?? ''
  if (!/^[a-z]{2,3}([_-]|$)/i.test(first) || /^(und|mul|zxx|xx)\b/i.test(first)) return null
  try {
    return Intl.getCanonicalLocales(first.replaceAll('_', '-'))[0] ?? null
  } catch {
    return null
  }
}

/** Guesses the language of a text; null when it is too short to say. */
export function detectLanguage(text: string): string | null {
  return text.length < ENOUGH_TO_DETECT ? null : detect(text.slice(0, ENOUGH_TO_KNOW)) || null
}
