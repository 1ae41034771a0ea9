import { readVersion } from '../../version.ts'

/** How Courant names itself to the servers it fetches from, so that their owners know whom to ask. */
export function makeUserAgent(baseUrl: string): string {
  return `Courant/${readVersion()} (+${baseUrl})`
}
