import { Agent, get } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'

/**
 * Readers at their browsers, in a process of their own: each asks for a page over its own kept connection, looks at it for
 * about `thinkMs`, and asks for the next. Started by `bench/pages/visit.ts`, which says when to count and when to end.
 */
const [origin = '', count = '0', think = '0', paths = ''] = process.argv.slice(2)
const PATHS = paths.split(' ')
const thinkMs = Number(think)
const agent = new Agent({ keepAlive: true, maxSockets: Number(count) })

/** What the pages took that were asked for while it counted. */
export type Visits = {
  readonly answered: number
  readonly refused: number
  readonly failed: number
  readonly perSecond: number
  readonly medianMs: number
  readonly p99Ms: number
  readonly longestMs: number
}

const tookMs: number[] = []
const counts = { refused: 0, failed: 0 }
let countingSinceMs: number | null = null

process.on('message', (word) => {
  if (word === 'count') countingSinceMs = systemClock.monotonicMs()
  else process.send?.(report(), () => process.exit())
})
process.on('disconnect', () => process.exit())
await Promise.all(Array.from({ length: Number(count) }, browse))

async function browse(): Promise<never> {
  await pause(Math.random() * thinkMs)
  for (;;) {
    const askedMs = systemClock.monotonicMs()
    const isCounted = countingSinceMs !== null
    const status = await ask(PATHS[Math.floor(Math.random() * PATHS.length)] ?? '/')
    if (isCounted && status === 200) tookMs.push(systemClock.monotonicMs() - askedMs)
    else if (isCounted && status === 503) counts.refused += 1
    else if (isCounted) counts.failed += 1
    await pause(thinkMs * (0.5 + Math.random()))
  }
}

/** The status, once the page is there whole; 0 where the connection broke. */
function ask(path: string): Promise<number> {
  return new Promise((resolve) => {
    const request = get(`${origin}${path}`, { agent, headers: { 'accept-language': 'de' } }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0))
      response.once('error', () => resolve(0))
    })
    request.once('error', () => resolve(0))
  })
}

function report(): Visits {
  const sorted = tookMs.toSorted((a, b) => a - b)
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  const seconds = (systemClock.monotonicMs() - (countingSinceMs ?? 0)) / 1_000
  const perSecond = sorted.length / seconds
  return { answered: sorted.length, ...counts, perSecond, medianMs: at(0.5), p99Ms: at(0.99), longestMs: at(1) }
}
