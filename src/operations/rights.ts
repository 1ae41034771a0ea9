import { CourantError } from '../errors.ts'

/** What an actor may be allowed to do. The scopes of an API key are rights. */
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
] as const
export type Right = (typeof RIGHTS)[number]

/** The rights of each role. Viewers see no personal data; what cannot be undone, and what affects every newsletter, is for owners. */
export const ROLE_RIGHTS = {
  owner: RIGHTS,
  editor: RIGHTS.filter((right) => !['newsletters.delete', 'suppressions.lift', 'system.run'].includes(right)),
  viewer: ['newsletters.read', 'sources.read', 'articles.read', 'editions.read'],
} as const satisfies Readonly<Record<string, readonly Right[]>>
type AccountRole = keyof typeof ROLE_RIGHTS

/** Who asks for an operation. `name` is written to the audit log: the user of the system, the account, the key, the part of Courant. */
export type Actor =
  | { readonly kind: 'cli' | 'system'; readonly name: string }
  | { readonly kind: 'account'; readonly name: string; readonly role: AccountRole }
  | { readonly kind: 'api-key'; readonly name: string; readonly scopes: readonly Right[] }

/** Whether the actor has this right. Somebody at the command line has the database's password, and so every right. */
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

/** Ends what an actor has no right to. @throws CourantError `right.missing`. */
export function requireRight(actor: Actor, right: Right, operation: string): void {
  if (hasRight(actor, right)) return
  const isKey = actor.kind === 'api-key'
  throw new CourantError('right.missing', {
    what: `${isKey ? 'This API key' : 'This account'} may not do that.`,
    why: `${operation} needs the right ${right}.`,
    todo: isKey ? `Use a key with the scope ${right}.` : 'Ask an owner to do it, or for another role.',
  })
}
