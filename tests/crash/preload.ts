import { Socket } from 'node:net'
import pg from 'pg'
import { DatabaseClock } from '../../src/db/database-clock.ts'
import { STATEMENTS } from './points.ts'

/**
 * Read by a process before its own code (`node --import`): it kills the process at the fault point that `CRASH_AT` names, as
 * `kill -9` from outside would, and lets its clock run `CRASH_SHIFT_MS` ahead.
 */
const [name = '', moment = '', nth = '1'] = (process.env.CRASH_AT ?? '').split(':')
const shiftMs = Number(process.env.CRASH_SHIFT_MS ?? 0)

let left = Number(nth)
const isTurn = () => --left === 0
const die = () => process.kill(process.pid, 'SIGKILL')

const realNow = Date.now
if (shiftMs !== 0) {
  Date.now = () => realNow() + shiftMs
  shiftDatabaseClock()
}
if (name === 'dot' || name === 'reply') watchSockets()
else if (name !== '') watchStatements(STATEMENTS[name as keyof typeof STATEMENTS])

/** Without it a process would go by the database's clock, which is not ahead. */
function shiftDatabaseClock(): void {
  const ask = DatabaseClock.prototype.ask
  DatabaseClock.prototype.ask = async function (db) {
    return (await Reflect.apply(ask, this, [db])).add({ milliseconds: shiftMs })
  }
}

function watchStatements(pattern: RegExp): void {
  const ask = pg.Client.prototype.query as (...args: unknown[]) => unknown
  const asking = function (this: pg.Client, ...args: unknown[]): unknown {
    if (left <= 0 || !pattern.test(textOf(args[0])) || !isTurn()) return Reflect.apply(ask, this, args)
    if (moment === 'before') die()
    if (moment === 'during') {
      const answer = Reflect.apply(ask, this, args)
      setImmediate(die)
      return answer
    }
    // The driver calls back where it was given a function, else it settles a promise.
    const last = args.at(-1)
    if (typeof last === 'function') return Reflect.apply(ask, this, [...args.slice(0, -1), die])
    const answer = Reflect.apply(ask, this, args)
    return answer instanceof Promise ? answer.finally(die) : answer
  }
  Object.assign(pg.Client.prototype, { query: asking })
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  return typeof query === 'object' && query !== null && 'text' in query ? String(query.text) : ''
}

/** A lone dot stands nowhere but at a message's end: Courant's contents have none. */
const LONE_DOT = '\r\n.\r\n'
const REPLY = '2.0.0 taken'

function watchSockets(): void {
  if (name === 'reply') watchReplies()
  else watchDots()
}

function watchReplies(): void {
  const push = Socket.prototype.push
  const pushing = function (this: Socket, ...args: Parameters<typeof push>): boolean {
    const [chunk] = args
    if (chunk instanceof Uint8Array && textOfOctets(chunk).includes(REPLY) && isTurn()) die()
    return Reflect.apply(push, this, args)
  }
  Object.assign(Socket.prototype, { push: pushing })
}

function watchDots(): void {
  const write = Socket.prototype.write as (...args: unknown[]) => boolean
  const writing = function (this: Socket, ...args: unknown[]): boolean {
    const [chunk] = args
    const octets = typeof chunk === 'string' ? Buffer.from(chunk) : chunk instanceof Uint8Array ? chunk : null
    const end = octets === null || left <= 0 ? -1 : endIn(octets)
    if (octets === null || end < 0 || !isTurn()) return Reflect.apply(write, this, args)
    const sent = moment === 'before' ? octets.subarray(0, end) : octets
    if (sent.length === 0) die()
    return Reflect.apply(write, this, [sent, die])
  }
  Object.assign(Socket.prototype, { write: writing })
}

/** Where the dot of a message's end stands, or −1. */
function endIn(octets: Uint8Array): number {
  const text = textOfOctets(octets)
  if (text.startsWith('.\r\n')) return 0
  const at = text.indexOf(LONE_DOT)
  return at < 0 ? -1 : at + 2
}

function textOfOctets(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1')
}
