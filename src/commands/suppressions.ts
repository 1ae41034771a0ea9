import type { Command } from 'commander'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import {
  countSpan,
  type ListedSuppression,
  liftSpan,
  listSuppressions,
} from '../subscribers/suppressions/lift-between.ts'
import type { CommandContext } from './shared/command-context.ts'
import { askFirst, isTerminal } from './shared/prompt.ts'
import { instant, lines, oneOf } from './shared/values.ts'

const REASONS = ['bounced', 'complained', 'manual', 'erased'] as const

type ListOptions = {
  readonly since?: Temporal.Instant | null
  readonly until?: Temporal.Instant | null
  readonly reason?: (typeof REASONS)[number] | null
}
type LiftOptions = {
  readonly since: Temporal.Instant
  readonly until: Temporal.Instant
  readonly reason: string
  readonly yes?: boolean
}

/** `courant suppression list|lift`: the addresses nothing goes to. */
export function registerSuppression(program: Command, context: CommandContext): void {
  const group = program.command('suppression').description('addresses nothing goes to')
  group
    .command('list')
    .description('a line each, the oldest first: when, why, and what was said')
    .option('--since <instant>', 'made from then on', instant('--since'))
    .option('--until <instant>', 'made before then', instant('--until'))
    .option('--reason <reason>', REASONS.join(', '), oneOf('--reason', REASONS))
    .action(async ({ since = null, until = null, reason = null }: ListOptions) => {
      await context.withDatabase(async (db) => {
        for await (const one of listSuppressions(db, { since, until }, reason)) context.printLine(one, lineOf(one))
      })
    })
  group
    .command('lift')
    .description("take back what a relay's refusals suppressed in a span of time; complaints, blocks and erasures stay")
    .requiredOption('--since <instant>', 'made from then on', instant('--since'))
    .requiredOption('--until <instant>', 'made before then', instant('--until'))
    .requiredOption('--reason <text>', 'why; it is kept with each reader', lines('--reason'))
    .option('--yes', 'do not ask; a script that leaves it out is told how many there are')
    .action((options: LiftOptions) => context.withDatabase((db) => lift(db, context, options)))
}

function lineOf({ at, reason, email, evidence, askedAt }: ListedSuppression): string {
  const asked = askedAt === null ? '' : `asked to confirm ${askedAt}`
  return [at, reason, email ?? '', evidence ?? '', asked].join('\t')
}

async function lift(
  db: Database,
  context: CommandContext,
  { since, until, reason, yes = false }: LiftOptions,
): Promise<void> {
  const span = { since, until }
  const found = await countSpan(db, span)
  const many = `${found.toLocaleString('en')} ${found === 1 ? 'suppression' : 'suppressions'}`
  if (!yes && !isTerminal()) {
    context.print({ found, lifted: 0 }, `${many} would be lifted. Add --yes to lift them.`)
    return
  }
  if (!yes && found > 0) await askFirst(`Lift ${many}? Their readers are mailed again.`)
  const lifted = await liftSpan(db, span, reason, context.clock.now())
  context.print({ found, lifted }, `${lifted.toLocaleString('en')} lifted.`)
}
