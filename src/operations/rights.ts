import { CourantError } from '../errors.ts'

/** All rights; the scopes of an API key are rights too. */
export const RIGHTS = [
  'newsletters.read',
  'newsletters.write',
  'newsletters.delete',
  'sources.read',
  'sources.write',
  'articles.read',
  'articles.write',
  'subscribers.read',
  'subscribers.write',
  'suppressions.lift',
  'editions.read',
  'editions.send',
  'system.run',
  'audit.read',
] as const
export type Right = (typeof RIGHTS)[number]

/** What cannot be undone, affects every newsletter, or watches the others. */
const OWNERS: readonly Right[] = ['newsletters.delete', 'suppressions.lift', 'system.run', 'audit.read']

/** The rights of each role. Viewers see no personal data; only owners do what cannot be undone or affects every newsletter. */
export const ROLE_RIGHTS = {
  owner: RIGHTS,
  editor: RIGHTS.filter((right) => !OWNERS.includes(right)),
  viewer: ['newsletters.read', 'sources.read', 'articles.read', 'editions.read'],
} as const satisfies Readonly<Record<string, readonly Right[]>>
type AccountRole = keyof typeof ROLE_RIGHTS

/** Who performs an operation. The audit log keeps `name`: the system user, the account, the API key or the part of Courant. */
export type Actor =
  | { readonly kind: 'cli' | 'system'; readonly name: string }
  | { readonly kind: 'account'; readonly name: string; readonly role: AccountRole }
  | { readonly kind: 'api-key'; readonly name: string; readonly scopes: readonly Right[] }

/** Whether an actor has a right. The command line has them all, since its user has the password of the database. */
function hasRight(actor: Actor, right: Right): boolean {
  switch (actor.kind) {
    case 'cli':
    case 'system':
      return true
    case 'account':
      return (ROLE_RIGHTS[actor.role] as readonly Right[]).includes(right)
    case 'api-key':
      return actor.scopes.includes(right)
  }
}

/** Checks that an actor has a right. @throws CourantError `right.missing`. */
export function requireRight(actor: Actor, right: Right, operation: string): void {
  if (hasRight(actor, right)) return
  const isKey = actor.kind === 'api-key'
  throw new CourantError('right.missing', {
    what: `${isKey ? 'This API key' : 'This account'} may not do that.`,
    why: `${operation} needs the right ${right}.`,
    todo: isKey ? `Use a key with the scope ${right}.` : 'Ask an owner to do it, or for another role.',
  })
}
