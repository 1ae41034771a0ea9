/** Names of encodings that the WHATWG table (https://encoding.spec.whatwg.org/#names-and-labels) leaves out. */
const OTHERS: Readonly<Record<string, string>> = {
  'latin-1': 'iso-8859-1',
  ansi: 'windows-1252',
  latin9: 'iso-8859-15',
  'latin-9': 'iso-8859-15',
  eucjp: 'euc-jp',
  euckr: 'euc-kr',
  uhc: 'euc-kr',
  ms949: 'euc-kr',
  utf8mb4: 'utf-8',
  'cp-65001': 'utf-8',
}
/** Windows numbers what has a name of its own. */
const CODE_PAGES: Readonly<Record<string, string>> = {
  866: 'ibm866',
  932: 'shift_jis',
  936: 'gbk',
  949: 'euc-kr',
  950: 'big5',
  10000: 'macintosh',
  20866: 'koi8-r',
  28591: 'iso-8859-1',
  65001: 'utf-8',
}

/** The name that TextDecoder knows for a charset as documents write it; null when there is none. */
export function readLabel(label: string): string | null {
  const written = label.trim().toLowerCase()
  const folded = written.replaceAll('_', '-')
  const page = /^(?:x-)?(?:win|windows|cp|ibm|ms)-?(\d{3,5})$/.exec(folded)?.[1]
  const part = /^iso-?8859-?(\d{1,2})(?!\d)/.exec(folded)?.[1]
  const names = [written, folded, OTHERS[folded], page && (CODE_PAGES[page] ?? `windows-${page}`)]
  for (const name of [...names, part && `iso-8859-${part}`]) {
    const known = name ? encodingOf(name) : null
    if (known !== null) return known
  }
  return null
}

function encodingOf(name: string): string | null {
  try {
    return new TextDecoder(name).encoding
  } catch {
    return null
  }
}
