import type { Socket } from 'node:net'
import { sql } from 'drizzle-orm'
import { afterEach, expect } from 'vitest'
import { type Clock, sleep, type Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { type Sender, sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import type { RelayTimeouts } from '../../src/mail/relays/relay.ts'
import { handClock } from '../support/clock.ts'
import { type HostileRelay, type Script, startHostileRelay } from '../support/hostile-relay.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import { makeWorld, NOON } from '../support/world.ts'

/** Long enough for a relay that replies, even on a busy machine. */
const PATIENT = timeoutsOf(10_000)
/** For relays that never reply. */
export const IMPATIENT = timeoutsOf(400)

function timeoutsOf(ms: number): RelayTimeouts {
  return { connectMs: ms, greetingMs: ms, socketMs: ms, messageMs: ms, arrivalMs: 25 }
}

const relays: HostileRelay[] = []
afterEach(() => Promise.all(relays.splice(0).map((relay) => relay.close())))

/** A relay that follows the script and closes with the test, and a sender to it over one connection. */
export async function startScriptedRelay(
  script: Script = {},
  { options = '', login = '', timeouts = PATIENT } = {},
): Promise<{ readonly relay: HostileRelay; readonly sender: Sender }> {
  const relay = await startHostileRelay(script)
  relays.push(relay)
  return { relay, sender: await senderToPort(relay.port, { options, login, timeouts }) }
}

/** A sender over one connection to a relay that runs. */
export async function senderToPort(
  port: number,
  { options = '', login = '', timeouts = PATIENT } = {},
): Promise<Sender> {
  const sender = await senderTo(`smtp://${login}127.0.0.1:${port}?connections=1${options}`)
  return { ...sender, relays: sender.relays.map((relay) => ({ ...relay, timeouts })) }
}

/** Plans an edition for so many readers at noon. */
export async function plan(db: Database, readers = 2): Promise<number> {
  const world = await makeWorld(db)
  await world.addReaders(readers)
  await world.addArticles(1)
  return planByHand(db, world)
}

/** Sends what is due of the edition some minutes after noon, and ends only when nothing more is. */
export async function send(db: Database, sender: Sender, edition: number, minutes = 0): Promise<void> {
  await sendEdition(db, sender, edition, fastClock(NOON.add({ minutes })))
}

/** A clock fixed at an instant, on which waits pass twenty times as fast. */
const fastClock = (at: Temporal.Instant): Clock => ({
  ...handClock(at),
  sleep: (ms, signal) => sleep(ms / 20, signal),
})

/** The state of a delivery; `wait` in seconds after noon. */
export type DeliveryRow = {
  readonly state: string
  readonly reason: string | null
  readonly reply: string | null
  readonly attempts: number
  readonly ambiguous: boolean
  readonly wait: number | null
}

/** Reads the deliveries and checks that the counters agree, that they sum up to what was planned, and that each waits or has ended. */
export async function readDeliveries(db: Database, edition: number): Promise<readonly DeliveryRow[]> {
  const { rows } = await db.execute<DeliveryRow>(sql`
    select state, reason, reply, attempts, ambiguous,
      extract(epoch from retry_at - ${NOON.toString()}::timestamptz)::float as wait
    from delivery order by seq`)
  const { planned, queued, sending, sent, deferred, failed, suppressed, skipped } = await countDeliveries(db, edition)
  const countOf = (state: string) => rows.filter((row) => row.state === state).length
  expect({ queued, sending, sent, deferred, failed, suppressed, skipped }).toEqual({
    queued: 0,
    sending: 0,
    sent: countOf('sent'),
    deferred: countOf('deferred'),
    failed: countOf('failed'),
    suppressed: 0,
    skipped: 0,
  })
  expect(sent + deferred + failed).toBe(planned)
  for (const { state, wait } of rows) expect(wait === null).toBe(state !== 'deferred')
  return rows
}

/** Expects all deliveries to match, and none of the readers to be suppressed. */
export async function expectAll(db: Database, edition: number, expected: Partial<DeliveryRow>): Promise<void> {
  const rows = await readDeliveries(db, edition)
  expect(rows).toEqual(rows.map(() => expect.objectContaining(expected)))
  expect(await suppressedBy(db)).toEqual([])
}

/** The replies that readers were suppressed for. */
export async function suppressedBy(db: Database): Promise<readonly string[]> {
  return (await db.execute<{ evidence: string }>(sql`select evidence from suppression`)).rows.map((row) => row.evidence)
}

/** Of a wait: so many minutes, and by jitter up to half as many more. */
export function inMinutes(minutes: number): number {
  return expect.toSatisfy((wait) => typeof wait === 'number' && wait >= minutes * 60 && wait <= minutes * 90 + 1)
}

/** Sends a reply more slowly than the time allowed for one. */
export function trickle(socket: Socket): void {
  const octets = '250 2.0.0 taken'.split('')
  const timer = setInterval(() => socket.write(octets.shift() ?? '.'), 100)
  socket.on('close', () => clearInterval(timer))
}

/** The Message-ID of a content. */
export function messageIdOf(content: string): string | undefined {
  return /^Message-ID: .*$/im.exec(content)?.[0]
}
