import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/clock.ts'
import { openGround } from './ground.ts'
import { shorten } from './shorten.ts'
import { type Order, type Report, simulate } from './simulation.ts'
import { say, sayAct } from './words.ts'

/**
 * `npm run simulate -- --seed 7 --days 30` plays one seed; `--seeds 200 --jobs 2` plays that many from it on, in so many
 * processes. A fault is shortened and printed with its seed, step and history; the exit code is then 1.
 */
const options = {
  seed: { type: 'string', default: '1' },
  seeds: { type: 'string', default: '1' },
  days: { type: 'string', default: '30' },
  jobs: { type: 'string', default: '1' },
  /** Of so many seeds one is played: the others are another process's. */
  stride: { type: 'string', default: '1' },
  /** Tells every step of a seed. */
  tell: { type: 'boolean', default: false },
} as const

const { values } = parseArgs({ options })
const [seed, seeds, days, jobs, stride] = [values.seed, values.seeds, values.days, values.jobs, values.stride].map(
  Number,
)
if (seed === undefined || seeds === undefined || days === undefined || jobs === undefined || stride === undefined)
  throw new RangeError('--seed, --seeds, --days, --jobs and --stride take numbers')
process.exitCode = jobs > 1 ? await share(seed, seeds, days, jobs) : await playAll()

async function playAll(): Promise<number> {
  // In memory where there is some: half of the time goes into files of temporary tables.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'courant-simulate-'))
  const ground = await openGround(`pglite://${folder}`)
  let faults = 0
  try {
    for (let next = seed ?? 1; next < (seed ?? 1) + (seeds ?? 1); next += stride ?? 1) {
      const order: Order = { seed: next, days: days ?? 30 }
      const startMs = systemClock.monotonicMs()
      const report = await simulate(ground, order, null, (step, act, world) => {
        if (values.tell) say(`${step} ${world.clock.now()} ${sayAct(act)}`)
      })
      tell(order, report, systemClock.monotonicMs() - startMs)
      if (report.fault === null) continue
      faults += 1
      const short = await shorten(ground, order, report)
      say(`  shortest history (${short.acts.length} acts, found in ${short.tries} tries):`)
      for (const act of short.acts) say(`    ${sayAct(act)}`)
      for (const wrong of short.wrong) say(`  ${wrong}`)
    }
  } finally {
    await ground.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return faults === 0 ? 0 : 1
}

function tell({ seed, days }: Order, { steps, mails, statements, fates, failures, fault }: Report, ms: number): void {
  const seconds = (ms / 1000).toFixed(1)
  say(
    `seed ${seed}: ${days} days, ${steps} steps, ${mails} mails, ${statements} statements, ${fates} fates, ${failures} failures, ${seconds} s`,
  )
  if (fault === null) return
  say(`  FAULT of seed ${seed} at step ${fault.step}: ${sayAct(fault.act)}`)
  for (const wrong of fault.wrong) say(`    ${wrong}`)
}

/** Plays every `jobs`-th seed in a process of its own. */
async function share(seed: number, seeds: number, days: number, jobs: number): Promise<number> {
  const codes = Array.from({ length: jobs }, (_, job) => {
    const given = { seed: seed + job, seeds: seeds - job, days, stride: jobs }
    const words = Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)])
    const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, ...words], { stdio: 'inherit' })
    return new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)))
  })
  return Math.max(...(await Promise.all(codes)))
}
