import { CourantError } from '../../errors.ts'
import { sourceOperations } from '../../operations/sources.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { performOne } from '../shared/run.ts'
import { type AccessOptions, readAccess } from './access.ts'

/** Options of `source set`. */
export type SetOptions = AccessOptions & {
  readonly url?: string
  readonly letIn?: boolean
  readonly markSeen?: boolean
}

/** Changes a source, or decides about the articles that the flood guard holds. */
export async function setSource(context: CommandContext, name: string, options: SetOptions): Promise<void> {
  const { letIn, markSeen, ...change } = options
  const decisions = [letIn, markSeen].filter(Boolean).length
  const isChange = change.header.length > 0 || Object.keys(change).length > 1
  if (decisions + (isChange ? 1 : 0) !== 1)
    throw new CourantError('usage', {
      what: isChange || decisions > 0 ? 'Conflicting options.' : 'Nothing to change.',
      why: 'Use --let-in, --mark-seen, or options that change the source.',
      todo: 'Run the command with --help.',
    })
  if (isChange) await apply(context, name, change)
  else await decide(context, name, letIn ? 'letIn' : 'markSeen')
}

async function apply(
  context: CommandContext,
  name: string,
  { url, ...options }: AccessOptions & { readonly url?: string },
): Promise<void> {
  const input = { source: name, url, ...(await readAccess(options)) }
  const { dropped, ...answer } = await performOne(context, sourceOperations.set, input)
  if (dropped)
    context.warn(
      'User name, password and headers were removed, since the host changed. Set them again if the new host needs them.',
    )
  context.print(answer, `Changed source ${answer.id}, ${answer.url}; the next collection fetches it.`)
}

async function decide(context: CommandContext, source: string, decision: 'letIn' | 'markSeen'): Promise<void> {
  const { articles, ...released } = await performOne(context, sourceOperations.release, { source, decision })
  const done = decision === 'letIn' ? 'released to readers' : 'marked as seen'
  context.print({ ...released, [decision]: articles }, `Source ${released.id}: ${articles} held articles ${done}.`)
}
