const DECLARED = /<!ENTITY\s+([\w.-]{1,50})\s+(?:"([^"<>%]{0,200})"|'([^'<>%]{0,200})')\s*>/gi
/** A value that names nothing but characters: what refers to other entities could grow without end. */
const PLAIN = /^(?:[^&]|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|amp|lt|gt|quot|apos);)*$/i
const PREDEFINED = new Set(['amp', 'lt', 'gt', 'quot', 'apos'])
const LONGEST_PROLOG = 50_000
/** Characters that all replacements together may add. */
const MOST_ADDED = 1_000_000

/**
 * Replaces the entities that a document type declares (XML 1.0 §4.2.1), those with plain text alone: nothing is fetched,
 * and none is built of others. `prolog` is what stands before the root element.
 */
export function expandEntities(text: string, prolog: string): string {
  const values = readEntities(prolog.slice(0, LONGEST_PROLOG))
  if (values.size === 0) return text
  let room = MOST_ADDED
  return text.replace(/&([\w.-]{1,50});/g, (reference, name: string) => {
    const value = values.get(name)
    if (value === undefined || value.length > room) return reference
    room -= value.length
    return value
  })
}

function readEntities(prolog: string): Map<string, string> {
  const found = [...prolog.matchAll(DECLARED)].map(
    ([, name = '', double, single]) => [name, double ?? single ?? ''] as const,
  )
  return new Map(found.filter(([name, value]) => !PREDEFINED.has(name) && PLAIN.test(value)))
}
