import { Agent, get } from 'node:http'
import { systemClock } from '../../src/clock.ts'

/** Asks an address every 20 ms, whether the last answer is there or not, in a process of its own: `prober.ts <url>`. */
const url = process.argv[2] ?? ''
const EVERY_MS = 20
const agent = new Agent({ keepAlive: true })

/** What the answers took, and how late this process was itself with asking at worst. */
export type Probes = {
  readonly answered: number
  readonly failed: number
  readonly medianMs: number
  readonly p99Ms: number
  readonly longestMs: number
  readonly lateMs: number
  /** The ten that took longest, of 100 ms and more: when they were asked, in ms since the start. */
  readonly slow: readonly (readonly [atMs: number, tookMs: number])[]
}

const startMs = systemClock.monotonicMs()
const tookMs: number[] = []
const slow: [number, number][] = []
let failed = 0
let lateMs = 0
let lastMs = startMs

const asking = setInterval(() => {
  const askedMs = systemClock.monotonicMs()
  lateMs = Math.max(lateMs, askedMs - lastMs - EVERY_MS)
  lastMs = askedMs
  const request = get(url, { agent }, (response) => {
    response.resume().once('end', () => {
      const took = systemClock.monotonicMs() - askedMs
      tookMs.push(took)
      if (took >= 100) slow.push([Math.round(askedMs - startMs), Math.round(took)])
    })
  })
  request.once('error', () => {
    failed += 1
  })
}, EVERY_MS)

process.on('disconnect', () => process.exit())
process.on('message', () => {
  clearInterval(asking)
  const sorted = tookMs.toSorted((a, b) => a - b)
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  const probes = {
    answered: sorted.length,
    failed,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
    lateMs,
    slow: slow.toSorted(([, a], [, b]) => b - a).slice(0, 10),
  }
  process.send?.(probes, () => process.exit())
})
