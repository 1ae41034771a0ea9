/** Names the tz database has given up but ICU still answers with; readers are shown the present ones. */
const RENAMED: Readonly<Record<string, string>> = {
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Catamarca': 'America/Argentina/Catamarca',
  'America/Cordoba': 'America/Argentina/Cordoba',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'America/Jujuy': 'America/Argentina/Jujuy',
  'America/Louisville': 'America/Kentucky/Louisville',
  'America/Mendoza': 'America/Argentina/Mendoza',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
}

const present = (name: string) => RENAMED[name] ?? name

/** Present names by their lower case: asking Intl costs 30 µs, too much for every row of an import. */
const KNOWN: ReadonlyMap<string, string> = new Map(
  Intl.supportedValuesOf('timeZone').map((name) => [present(name).toLowerCase(), present(name)]),
)

/** The one name by which an IANA zone is kept (`europe/kiev` is Europe/Kyiv), or null for what is none. Offsets are none. */
export function canonicalZone(name: string): string | null {
  const known = KNOWN.get(name.toLowerCase())
  if (known !== undefined) return known
  if (!/^[a-z]/i.test(name)) return null
  try {
    return present(new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone)
  } catch {
    return null
  }
}
