import { CourantError } from '../errors.ts'

/** What an error says in one line; drizzle's own message repeats the statement with its values, its cause does not. */
export function reasonOf(error: unknown): string {
  if (error instanceof CourantError) return error.message
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
