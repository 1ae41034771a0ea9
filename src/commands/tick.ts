import type { Command } from 'commander'
import type { Temporal } from '../clock.ts'
import { schedulingOperations } from '../operations/scheduling.ts'
import type { TickReport } from '../scheduler/tick.ts'
import type { CommandContext } from './shared/command-context.ts'
import { clockAt } from './shared/now.ts'
import { performOne } from './shared/run.ts'
import { instantValue } from './shared/values.ts'

/** `courant tick`: one pass of the scheduler, for the system's cron and for tests. */
export function registerTick(program: Command, context: CommandContext): void {
  program
    .command('tick')
    .description('run one pass of the scheduler: collect, plan and deliver what is due')
    .option('--now <instant>', 'instant to use as the current time (ISO 8601)', instantValue('--now'))
    .action((options: { now?: Temporal.Instant }) => tick({ ...context, clock: clockAt(options.now, context.clock) }))
}

/** A pass in which a part failed tells what the others did, and the command fails. */
async function tick(context: CommandContext): Promise<void> {
  const report = await performOne(context, schedulingOperations.tick, {})
  context.print(report, describe(report))
  if (report.troubles.length > 0) process.exitCode = 1
}

function describe(report: TickReport): string {
  const { collected, planned, missed, waiting, troubles } = report
  const slot = (one: { newsletter: string; frequency: string; slotAt: Temporal.Instant }) =>
    `${one.newsletter}, ${one.frequency} of ${one.slotAt}`
  return [
    `Collected ${collected.sources} sources: ${collected.new} new articles, ${collected.updated} updated, ${collected.failed} failed.`,
    ...planned.map((one) => `Planned edition ${one.edition} (${slot(one)}) for ${one.planned} readers.`),
    ...missed.map((one) => `Missed: ${slot(one)}. ${one.reason}`),
    ...waiting.map((one) => `Waiting: ${slot(one)}. ${one.reason}`),
    `Sent ${report.notices} notices and ${report.sent} digests; ${report.deferred} deferred, ${report.failed} failed.`,
    ...troubles.map((one) => `Failed to ${one.part}: ${one.reason}`),
  ].join('\n')
}
