import type { Command } from 'commander'
import { CourantError } from '../../errors.ts'
import { slug } from './values.ts'

/** What a command is given of a newsletter's name. */
export type NewsletterOption = { readonly newsletter?: string }

/** Lets a command name its newsletter by its first argument, or by `--newsletter`. */
export function namesNewsletter(
  command: Command,
  purpose = 'its slug; may be left out where there is only one',
): Command {
  return command
    .argument('[newsletter]', purpose, slug('[newsletter]'))
    .option('--newsletter <slug>', 'the same as the argument', slug('--newsletter'))
}

/** The newsletter a command names; undefined where it names none. @throws CourantError `usage` where it names two. */
export function namedNewsletter(argument: string | undefined, { newsletter }: NewsletterOption): string | undefined {
  if (argument === undefined || newsletter === undefined || argument === newsletter) return argument ?? newsletter
  throw new CourantError('usage', {
    what: `The newsletter is ${argument} by the argument and ${newsletter} by --newsletter.`,
    todo: 'Name it once.',
  })
}
