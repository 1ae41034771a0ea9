import { readFileSync } from 'node:fs'

/** How Courant names itself to the servers it fetches from, so that their owners know whom to ask. */
export function makeUserAgent(baseUrl: string): string {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  return `Courant/${version} (+${baseUrl})`
}
