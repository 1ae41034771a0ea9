import type { SendReport } from '../../delivery/send-now.ts'
import { CourantError } from '../../errors.ts'
import { digestOperations } from '../../operations/digests.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { performOne } from '../shared/run.ts'

type Options = { readonly dryRun?: boolean; readonly to?: string; readonly key?: string }

/** Plans an edition by hand and delivers it; with the key of an older one it goes on with that. */
export async function sendDigest(context: CommandContext, slug: string | undefined, options: Options): Promise<void> {
  const { dryRun, to, key } = options
  const input = { newsletter: slug, to, key }
  const progress = (total: number | null) => context.progress(total, 'Sending')
  const { held, ...report } = dryRun
    ? { held: null, ...(await performOne(context, digestOperations.dryRun, input)) }
    : await performOne(context, digestOperations.send, input, { progress })
  const text =
    report.planned === 0 && report.edition === null
      ? 'No reader has new articles; nothing was sent.'
      : `${dryRun ? 'Would send' : `Edition ${report.edition}:`} ${report.articles} articles in ${report.variants} variants to ${report.planned} readers` +
        (dryRun ? '.' : `: ${report.sent} sent, ${report.deferred} deferred, ${report.failed} failed.`)
  context.print(report, text)
  requireSome(report, held)
}

/** Where nothing gets out until somebody acts, the command fails, whatever its report says. */
function requireSome({ edition, sent, deferred, failed }: SendReport, held: string | null): void {
  if (held !== null)
    throw new CourantError('edition.held', {
      what: `Edition ${edition} is held.`,
      why: held,
      todo: `Fix the cause, then run "courant edition resume ${edition}".`,
    })
  if (failed === 0 || sent + deferred > 0) return
  throw new CourantError('edition.failed', {
    what: `Edition ${edition} reached nobody: all ${failed} deliveries failed.`,
    todo: `"courant edition show ${edition}" says why; their articles come with the next edition.`,
  })
}
