import type { Command } from 'commander'
import { CourantError } from '../../errors.ts'
import { slug } from './values.ts'

/** The option that names a newsletter. */
export type NewsletterOption = { readonly newsletter?: string }

/** Adds the two ways to name a newsletter: an optional argument and `--newsletter`. */
export function namesNewsletter(command: Command, purpose = 'slug; optional if there is only one newsletter'): Command {
  return command
    .argument('[newsletter]', purpose, slug('[newsletter]'))
    .option('--newsletter <slug>', 'same as the argument', slug('--newsletter'))
}

/** Returns the newsletter that was named, if any. @throws CourantError `usage` if two different ones were named. */
export function namedNewsletter(argument: string | undefined, { newsletter }: NewsletterOption): string | undefined {
  if (argument === undefined || newsletter === undefined || argument === newsletter) return argument ?? newsletter
  throw new CourantError('usage', {
    what: `The argument names the newsletter ${argument}, and --newsletter names ${newsletter}.`,
    todo: 'Name one of them.',
  })
}
