/** Minutes east of UTC of the abbreviations that mail and feeds use; where one means several, the RFC 5322 one. */
const ABBREVIATIONS: Readonly<Record<string, number>> = {
  est: -300,
  edt: -240,
  et: -300,
  cst: -360,
  cdt: -300,
  ct: -360,
  mst: -420,
  mdt: -360,
  mt: -420,
  pst: -480,
  pdt: -420,
  pt: -480,
  ast: -240,
  adt: -180,
  at: -240,
  akst: -540,
  akdt: -480,
  hst: -600,
  nst: -210,
  ndt: -150,
  brt: -180,
  art: -180,
  wet: 0,
  west: 60,
  bst: 60,
  cet: 60,
  cest: 120,
  met: 60,
  mest: 120,
  mez: 60,
  mesz: 120,
  eet: 120,
  eest: 180,
  msk: 180,
  msd: 240,
  ist: 330,
  sgt: 480,
  hkt: 480,
  awst: 480,
  jst: 540,
  kst: 540,
  acst: 570,
  aest: 600,
  aedt: 660,
  nzst: 720,
  nzdt: 780,
  brst: -120,
  clt: -240,
  clst: -180,
  cot: -300,
  pet: -300,
  wat: 60,
  sast: 120,
  cat: 120,
  idt: 180,
  trt: 180,
  eat: 180,
  gst: 240,
  samt: 240,
  pkt: 300,
  yekt: 300,
  npt: 345,
  omst: 360,
  wib: 420,
  ict: 420,
  krat: 420,
  novt: 420,
  myt: 480,
  pht: 480,
  wita: 480,
  irkt: 480,
  wit: 540,
  vlat: 600,
  acdt: 630,
}

/** An offset; a name before or behind it, and seconds, say nothing more. */
const OFFSET = /^(?:gmt|utc|ut)?\s*([+-])(\d{1,2}):?(\d{2})?(?::00)?(?:\s*(?:gmt|utc|ut|z))?$/
/** Names written out; their initials are the abbreviation. */
const LONG = /^((eastern|central|mountain|pacific) (standard|daylight)|(central|eastern) european( summer)?) time$/

/**
 * Reads the zone at a date's end into what Temporal takes as a time zone: an offset or an IANA name. Nothing, and a
 * word that is unknown, mean UTC (RFC 5322 §4.3); null says that it is no zone at all.
 */
export function readZone(text: string): string | null {
  const zone = text.toLowerCase().trim()
  if (/^(z|gmt|utc|ut)?$/.test(zone)) return '+00:00'
  const offset = OFFSET.exec(zone)
  if (offset !== null) return offsetOf(offset[1] === '-' ? -1 : 1, Number(offset[2]), Number(offset[3] ?? 0))
  if (/^[a-z]{3}\d[a-z]{3}$/.test(zone)) return isKnown(zone) ? zone : '+00:00'
  if (LONG.test(zone)) return readZone(zone.replace(/(\w)\w*\s*/g, '$1'))
  const minutes = Object.hasOwn(ABBREVIATIONS, zone) ? ABBREVIATIONS[zone] : undefined
  if (minutes !== undefined)
    return offsetOf(Math.sign(minutes), Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60)
  if (/^[a-z]+\/[a-z_+\-0-9/]+$/.test(zone)) return isKnown(zone) ? zone : '+00:00'
  return /^[a-z]{1,5}$/.test(zone) ? '+00:00' : null
}

/** The widest offset in use is 14 hours; 18 leaves room for the ones of old. */
function offsetOf(sign: number, hours: number, minutes: number): string | null {
  if (hours > 18 || minutes > 59) return null
  const two = (value: number) => String(value).padStart(2, '0')
  return `${sign < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`
}

function isKnown(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== null
  } catch {
    return false
  }
}
