import type { SiteContext } from '../context.ts'

/** A form's values by field, in order; null for a value that is not UTF-8 text. */
export type Form = ReadonlyMap<string, readonly (string | null)[]>

/** A form, or the status of what cannot be one: 400 torn, 415 another type or charset. */
type FormReading =
  | { readonly kind: 'form'; readonly form: Form }
  | { readonly kind: 'refused'; readonly status: 400 | 415 }

const MOST_FIELDS = 1_000
/** What a decoder that bears anything writes for octets that are not UTF-8. */
const REPLACEMENT = '\ufffd'

/** Reads a posted form, urlencoded or multipart, in UTF-8; a request without a body is an empty form. */
export async function readForm(c: SiteContext): Promise<FormReading> {
  const header = c.req.header('content-type')
  const octets = c.get('octets')
  if (octets.length === 0) return { kind: 'form', form: new Map() }
  const type = (header ?? '').split(';')[0]?.trim().toLowerCase()
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(header ?? '')?.[1]?.toLowerCase() ?? 'utf-8'
  if (!['utf-8', 'utf8', 'us-ascii'].includes(charset)) return { kind: 'refused', status: 415 }
  switch (type) {
    case 'application/x-www-form-urlencoded':
      return collect(readUrlEncoded(octets))
    case 'multipart/form-data':
      return readMultipart(octets, header ?? '')
    default:
      return { kind: 'refused', status: 415 }
  }
}

/** The only value of a field; empty for none, null where it cannot be read or stands more than once. */
export function onlyValue(form: Form, name: string): string | null {
  const values = form.get(name) ?? ['']
  return values.length === 1 ? (values[0] ?? null) : null
}

/** URL Standard §5.1, but that what is not UTF-8 is told instead of replaced. */
function readUrlEncoded(octets: Buffer): [string | null, string | null][] {
  const pairs = octets.toString('latin1').split('&').filter(Boolean).slice(0, MOST_FIELDS)
  return pairs.map((pair) => {
    const at = pair.indexOf('=')
    return at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]
  })
}

/** `text` is octets as Latin-1; decodeURIComponent throws for what is not UTF-8. */
function decode(text: string): string | null {
  const escaped = text
    .replaceAll('+', ' ')
    .replace(/%(?![0-9a-f]{2})/gi, '%25')
    .replace(/[\x80-\xff]/g, (octet) => `%${octet.charCodeAt(0).toString(16)}`)
  try {
    return decodeURIComponent(escaped)
  } catch {
    return null
  }
}

async function readMultipart(octets: Buffer, type: string): Promise<FormReading> {
  try {
    const data = await new Response(new Uint8Array(octets), { headers: { 'content-type': type } }).formData()
    const pairs = [...data].slice(0, MOST_FIELDS).map(([name, value]): [string, string | null] => {
      return [name, typeof value === 'string' && !value.includes(REPLACEMENT) ? value : null]
    })
    return collect(pairs)
  } catch {
    return { kind: 'refused', status: 400 }
  }
}

function collect(pairs: readonly [string | null, string | null][]): FormReading {
  const form = new Map<string, (string | null)[]>()
  for (const [name, value] of pairs) {
    if (name === null) return { kind: 'refused', status: 400 }
    form.set(name, [...(form.get(name) ?? []), value])
  }
  return { kind: 'form', form }
}
