import { parse } from 'tldts'

/** Mailbox providers whose domains are often mistyped, commonest first: the first of equally near ones is suggested. */
const PROVIDERS = [
  'gmail.com',
  'gmx.de',
  'web.de',
  't-online.de',
  'gmx.net',
  'outlook.com',
  'hotmail.com',
  'yahoo.com',
  'icloud.com',
  'googlemail.com',
  'yahoo.de',
  'hotmail.de',
  'outlook.de',
  'freenet.de',
  'aol.com',
  'live.de',
  'live.com',
  'arcor.de',
  'posteo.de',
  'mailbox.org',
  'gmx.at',
  'gmx.ch',
  'bluewin.ch',
  'vodafone.de',
  'protonmail.com',
]

/** These have a single home, so that any other ending is a slip; gmx, yahoo or live have many. */
const ONE_HOME = new Set(['gmail', 'googlemail', 't-online', 'freenet', 'posteo', 'icloud', 'bluewin', 'arcor'])

/** Real domains one slip away from a provider. */
const REAL = new Set(['mail.com', 'email.com', 'mail.de', 'email.de', 'ymail.com', 'me.com', 'mac.com', 'gmx.com'])

/** What people type for `.com`, though each is a country of its own. */
const MISTYPED_COM = new Set(['co', 'cm', 'om'])

/** Whether so many people have their mailbox at this domain (in lower case) that many of them may subscribe at once. */
export const isProvider = (domain: string): boolean => PROVIDERS.includes(domain) || REAL.has(domain)

/** The provider's domain somebody meant who typed `domain` (`gmial.com`, `gmx.ed`, `gmail,com`), or null. */
export function suggestDomain(domain: string): string | null {
  if (domain.length > 30) return null
  const typed = domain
    .toLowerCase()
    .replace(/[,;。．｡]/g, '.')
    .replace(/\s/g, '')
    .replace(/\.{2,}/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '')
  if (PROVIDERS.includes(typed)) return typed === domain.toLowerCase() ? null : typed
  if (REAL.has(typed)) return null
  let best: { provider: string; slips: number } | null = null
  for (const provider of PROVIDERS) {
    const slips = slipsBetween(typed, provider)
    if (slips !== null && slips < (best?.slips ?? 3)) best = { provider, slips }
  }
  return best?.provider ?? null
}

/** How many slips lead from `provider` to `typed`, or null when `typed` may well be meant. */
function slipsBetween(typed: string, provider: string): number | null {
  const [name = '', ending = '', ...more] = typed.split('.')
  const [meantName = '', meantEnding = ''] = provider.split('.')
  if (more.length > 0) return null
  if (ending === '') return name === meantName ? 0 : distance(typed, provider) === 1 ? 1 : null
  if (name === meantName) {
    if (ONE_HOME.has(name)) return 1
    if (MISTYPED_COM.has(ending) && meantEnding === 'com') return 1
    return parse(`${name}.${ending}`).isIcann || distance(ending, meantEnding) > 1 ? null : 1
  }
  // A short name has too many real neighbours: only swapped letters count there.
  if (meantName.length <= 4 && [...name].sort().join() !== [...meantName].sort().join()) return null
  const slips = distance(typed, provider)
  return slips <= (meantName.length >= 5 ? 2 : 1) ? slips : null
}

/** Letters added, lost, changed or swapped with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? 0
  for (let row = 1; row <= a.length; row += 1) {
    rows.push([row])
    for (let column = 1; column <= b.length; column += 1) {
      const changed = cell(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const nearest = Math.min(changed, cell(row - 1, column) + 1, cell(row, column - 1) + 1)
      rows[row]?.push(swapped ? Math.min(nearest, cell(row - 2, column - 2) + 1) : nearest)
    }
  }
  return cell(a.length, b.length)
}
