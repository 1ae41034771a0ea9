import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { ParserRequest, ParserResponse, ParserSetup } from './parser-thread.ts'

/** What Courant runs in a thread of its own for documents of others: `parser-thread.ts` starts it and ends it. */
const port = parentPort
if (port === null) throw new Error('parser-worker.ts runs as a worker thread only')
const { cacheFolder, mostCharacters }: ParserSetup = workerData
if (cacheFolder !== null) enableCompileCache(cacheFolder)
const [{ PARSER_TASKS }, { CourantError, reasonOf }] = await Promise.all([
  import('./parser-tasks.ts'),
  import('../../errors.ts'),
])

port.on('message', (order: ParserRequest) => port.postMessage(answer(order)))
port.postMessage('ready')

function answer({ name, input }: ParserRequest): ParserResponse {
  try {
    // Which input belongs to which work is checked where it is asked for.
    const output = (PARSER_TASKS[name] as (input: unknown) => unknown)(input)
    return lengthOf(output) > mostCharacters ? { kind: 'large' } : { kind: 'done', output }
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'deep' }
    if (!(error instanceof CourantError)) return { kind: 'broken', reason: reasonOf(error) }
    const { code, what, why, todo } = error
    return { kind: 'refused', error: { code, what, why, todo } }
  }
}

/** Characters of all texts in plain data. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return 0
  let length = 0
  for (const part of Object.values(value)) length += lengthOf(part)
  return length
}
