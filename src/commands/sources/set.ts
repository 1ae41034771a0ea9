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
      what: isChange || decisions > 0 ? 'That is too much at once.' : 'Nothing is to be changed.',
      why: 'It takes --let-in, or --mark-seen, or changes of the source.',
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
      'User name, password and headers were for the old host only: give them again if the new one wants them.',
    )
  context.print(answer, `Source ${answer.id} is ${answer.url}, and fetched with the next collection.`)
}

async function decide(context: CommandContext, source: string, decision: 'letIn' | 'markSeen'): Promise<void> {
  const { articles, ...released } = await performOne(context, sourceOperations.release, { source, decision })
  const done = decision === 'letIn' ? 'let in: new to readers' : 'marked as seen: shown to nobody'
  context.print({ ...released, [decision]: articles }, `Source ${released.id}: ${articles} held articles ${done}.`)
}
