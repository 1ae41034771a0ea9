import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Temporal } from '../../clock.ts'
import { CourantError, reasonOf } from '../../errors.ts'
import { digestOperations } from '../../operations/digests.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { type NewsletterOption, namedNewsletter, namesNewsletter } from '../shared/newsletter-name.ts'
import { clockAt } from '../shared/now.ts'
import { performBare, performOne } from '../shared/run.ts'
import { address, file, instantValue, line, oneOf } from '../shared/values.ts'
import { sendDigest } from './send.ts'
import type { WatchOptions } from './watch-preview.ts'

const FORMATS = ['html', 'text', 'eml', 'mjml', 'json'] as const

type PreviewOptions = WatchOptions & { format: (typeof FORMATS)[number]; watch?: boolean }
type SendOptions = { dryRun?: boolean; to?: string; key?: string; now?: Temporal.Instant }
type TestOptions = { readonly to: string; readonly subscriber?: string }

/** `courant digest preview|test|send`: look at the next digest, send it to oneself, send it now. */
export function registerDigest(program: Command, context: CommandContext): void {
  const group = program.command('digest').description('preview, test or send the next digest')
  namesNewsletter(group.command('preview'))
    .description('show what a reader would get now; changes nothing')
    .option('--subscriber <email>', 'digest of this subscriber', address('--subscriber'))
    .option('--format <format>', FORMATS.join(', '), oneOf('--format', FORMATS), 'html' as const)
    .option('--out <file>', 'write to this file', file('--out'))
    .option('--now <instant>', 'instant to use as the current time (ISO 8601)', instantValue('--now'))
    .option('--watch', 'serve it to a browser and reload after every change of a template or locale file')
    .action((slug: string | undefined, options: PreviewOptions & NewsletterOption) =>
      preview(context, namedNewsletter(slug, options), options),
    )
  namesNewsletter(group.command('test'))
    .description('send the next digest to one address, marked as a test; changes nothing')
    .requiredOption('--to <email>', 'recipient of the test', address('--to'))
    .option('--subscriber <email>', 'digest of this subscriber', address('--subscriber'))
    .action((slug: string | undefined, options: TestOptions & NewsletterOption) =>
      testDigest(context, namedNewsletter(slug, options), options),
    )
  namesNewsletter(group.command('send'))
    .description('plan and deliver now what is new to each active subscription')
    .option('--dry-run', 'only report what would be sent')
    .option('--to <email>', 'only to this reader', address('--to'))
    .option('--key <key>', 'idempotency key: the same key returns the same edition', line('--key'))
    .option('--now <instant>', 'instant to use as the current time (ISO 8601)', instantValue('--now'))
    .action((slug: string | undefined, options: SendOptions & NewsletterOption) =>
      sendDigest({ ...context, clock: clockAt(options.now, context.clock) }, namedNewsletter(slug, options), options),
    )
}

async function preview(context: CommandContext, slug: string | undefined, options: PreviewOptions): Promise<void> {
  const { format, subscriber, now } = options
  if (options.watch === true) return (await import('./watch-preview.ts')).watchPreview(context, slug, options)
  if (format === 'mjml')
    return answer(context, options, (await performBare(context, digestOperations.template, {})).content)
  const at = { ...context, clock: clockAt(now, context.clock) }
  const { content } = await performOne(at, digestOperations.preview, { newsletter: slug, subscriber, format })
  return answer(context, options, content)
}

async function testDigest(context: CommandContext, slug: string | undefined, options: TestOptions): Promise<void> {
  const input = { ...options, newsletter: slug }
  const { report, newsletter, hasImprint } = await performOne(context, digestOperations.test, input)
  if (!hasImprint) context.warn(`${newsletter} has no imprint; "digest send" will fail without one.`)
  const text = report.sent
    ? `Sent to ${report.to}, with ${report.articles} articles: ${report.subject}`
    : `Nothing was sent: ${report.reason}`
  context.print(report, text)
}

async function answer(context: CommandContext, options: PreviewOptions, content: string | Buffer): Promise<void> {
  if (options.out === undefined) {
    process.stdout.write(content)
    return
  }
  await writeFile(options.out, content).catch((cause: unknown) => {
    throw new CourantError('output.unwritable', {
      what: `${options.out} cannot be written (--out).`,
      why: `${reasonOf(cause)}.`,
      todo: 'Choose a file in an existing folder that you may write to.',
      cause,
    })
  })
  const bytes = Buffer.byteLength(content)
  context.print({ file: options.out, format: options.format, bytes }, `${options.out}: ${bytes} bytes`)
}
