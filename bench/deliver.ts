import { execFile } from 'node:child_process'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../src/clock.ts'
import { FLAGS } from '../tests/support/flags.ts'
import { type BenchSink, startFastSink, startSmtpSink } from './deliver/sinks.ts'
import { type BenchWorld, countSent, planBenchWorld, queueAgain } from './deliver/world.ts'
import { openBenchPostgres } from './postgres.ts'

/**
 * Delivery of a digest of 76 KB to two sinks, ways taking turns in one run, so that the figures are to be read as ratios:
 * Postfix's smtp-source with 20 sessions; a plain nodemailer pool with 10 connections; and Courant with 20 and 40
 * connections, from queued rows on PostgreSQL to committed sent rows. Needs Postfix, PostgreSQL and a C compiler.
 */
const READERS = Number(process.argv[2] ?? 80_000)
const ROUNDS = Number(process.argv[3] ?? 3)
const PLAIN_MESSAGES = 3000
const OCTETS = 76_000
const run = promisify(execFile)

type Round = { readonly ratePerSecond: number; readonly cpuMs: number | null; readonly residentMb?: number }
type Way = { readonly name: string; readonly go: (sink: BenchSink) => Promise<Round> }

const postgres = await openBenchPostgres()
const world = await planBenchWorld(postgres.opened.db, READERS)
const ways: readonly Way[] = [
  { name: 'smtp-source, 20 sessions', go: runSource },
  { name: 'plain nodemailer pool, 10 connections', go: runPlain },
  { name: 'Courant, 20 connections', go: (sink) => runCourant(sink, world, 20) },
  { name: 'Courant, 40 connections', go: (sink) => runCourant(sink, world, 40) },
]
console.log(`${READERS} deliveries, ${ROUNDS} rounds; load ${loadavg()[0]?.toFixed(2)}`)
const only = process.env.SINK
for (const start of [() => startSmtpSink(2526), () => startFastSink(2527)].slice(
  only === 'fast' ? 1 : 0,
  only === 'smtp' ? 1 : 2,
)) {
  const sink = await start()
  const rounds = new Map<string, Round[]>()
  for (let round = 0; round < ROUNDS; round += 1)
    for (const way of ways) rounds.set(way.name, [...(rounds.get(way.name) ?? []), await way.go(sink)])
  report(sink, rounds)
  await sink.close()
}
await postgres.close()

async function runSource({ port }: BenchSink): Promise<Round> {
  const startMs = systemClock.monotonicMs()
  const words = ['-s', '20', '-l', String(OCTETS), '-m', String(READERS), '-f', 'a@example.org', '-t', 'b@example.org']
  await run('smtp-source', [...words, `127.0.0.1:${port}`])
  return { ratePerSecond: READERS / ((systemClock.monotonicMs() - startMs) / 1000), cpuMs: null }
}

async function runPlain({ port }: BenchSink): Promise<Round> {
  return runScript('plain.ts', [String(port), String(PLAIN_MESSAGES), '10'])
}

async function runCourant({ port }: BenchSink, { editionId }: BenchWorld, connections: number): Promise<Round> {
  await queueAgain(postgres.opened.db, world)
  const relay = `smtp://127.0.0.1:${port}?tls=off&connections=${connections}`
  const round = await runScript('courant.ts', [postgres.url, relay, String(editionId)])
  const sent = await countSent(postgres.opened.db, world)
  if (sent !== READERS) throw new Error(`${sent} of ${READERS} deliveries are committed as sent.`)
  return round
}

async function runScript(script: string, words: readonly string[]): Promise<Round> {
  const flags = [...FLAGS, ...profiling(script)]
  const { stdout, stderr } = await run(process.execPath, [
    ...flags,
    join(import.meta.dirname, 'deliver', script),
    ...words,
  ])
  if (stderr !== '') console.error(stderr)
  const { ms, cpuMs, messages, residentMb } = JSON.parse(stdout)
  return { ratePerSecond: messages / (ms / 1000), cpuMs: cpuMs / messages, residentMb }
}

/** `PROFILE=folder` writes V8's CPU profiles of the workers there. */
function profiling(script: string): readonly string[] {
  const { PROFILE } = process.env
  return PROFILE === undefined || script !== 'courant.ts' ? [] : ['--cpu-prof', `--cpu-prof-dir=${PROFILE}`]
}

function report({ name }: BenchSink, rounds: ReadonlyMap<string, readonly Round[]>): void {
  const rateOf = (way: string) => median((rounds.get(way) ?? []).map((round) => round.ratePerSecond))
  const [source, plain] = ways.map((way) => rateOf(way.name))
  console.log(`\nto ${name}`)
  for (const way of ways) {
    const rate = rateOf(way.name)
    const all = rounds.get(way.name) ?? []
    const cpu = all.flatMap(({ cpuMs }) => (cpuMs === null ? [] : [cpuMs]))
    const own = cpu.length === 0 ? '' : `, ${median(cpu).toFixed(3)} ms CPU a message`
    const resident = all.at(-1)?.residentMb === undefined ? '' : `, ${all.at(-1)?.residentMb} MB resident`
    const ratios = `${(rate / (source ?? 1)).toFixed(2)} × smtp-source, ${(rate / (plain ?? 1)).toFixed(1)} × plain loop`
    const each = all.map(({ ratePerSecond }) => Math.round(ratePerSecond)).join(' ')
    console.log(`${String(Math.round(rate)).padStart(6)}/s  ${way.name}: ${ratios}${own}${resident} (${each})`)
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
