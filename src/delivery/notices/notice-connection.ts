import { orAborted } from '../../abortable.ts'
import { retryTransient } from '../../db/transient.ts'
import type { Relay } from '../../mail/relays/relay.ts'
import { connectFirst } from '../../mail/smtp/connect-first.ts'
import type { SmtpConnection } from '../../mail/smtp/session.ts'
import type { CircuitBreaker } from '../circuit-breaker.ts'
import { DATABASE_AWAY_MS } from '../held-batches.ts'
import type { IdleTracker } from '../idle.ts'
import type { Throttle } from '../throttle.ts'
import { attemptNotice, type NoticeWork } from './attempt.ts'
import { type ClaimedNotice, countDue } from './claim-notices.ts'
import { recordNoticeUntilWritten } from './record-reply.ts'

/** A relay as the connections of one sending share it. */
export type SharedRelay = { readonly relay: Relay; readonly throttle: Throttle; readonly breaker: CircuitBreaker }

/** What the connections of one sending share. */
export type NoticeSending = NoticeWork & {
  readonly idle: IdleTracker
  /** Connections that are about to claim a notice, so that no more are opened than notices are due. */
  claiming: number
}

type Open = { readonly connection: SmtpConnection; readonly shared: SharedRelay }

/** One connection, which claims the next due notice whenever it is free: a slow recipient delays no other. */
export class NoticeConnection {
  readonly #sending: NoticeSending
  readonly #relays: readonly SharedRelay[]
  #open: Open | null = null
  #isClaiming = false
  /** How many messages a relay accepted on it. */
  accepted = 0
  /** Why no relay could be reached, or the reply of a relay that accepts nothing. */
  trouble: string | null = null

  constructor(sending: NoticeSending, relays: readonly SharedRelay[]) {
    this.#sending = sending
    this.#relays = relays
  }

  /** Sends until nothing is due and no other connection is working, no relay accepts anything, or the sending is stopped. */
  async run(): Promise<void> {
    const { idle, signal } = this.#sending
    const idleState = idle.join()
    try {
      while (!signal.aborted) {
        const open = await this.#connect()
        const notice = open === null ? null : await this.#claim(open)
        if (this.trouble !== null) return
        if (open !== null && notice !== null) {
          idle.resume(idleState)
          await this.#sendOne(open, notice)
        } else {
          await this.#disconnect()
          if (!(await idle.wait(idleState))) return
        }
      }
    } finally {
      this.#setClaiming(false)
      idle.leave(idleState, false)
      await this.#disconnect()
    }
  }

  /** The open connection, or a new one if more notices are due than other connections are about to claim. */
  async #connect(): Promise<Open | null> {
    if (this.#open?.connection.usable === true) return this.#open
    await this.#disconnect()
    this.#setClaiming(true)
    const place = this.#sending.claiming
    if ((await this.#repeat(() => countDue(this.#sending.db, place, this.#sending.clock.now()))) >= place)
      await this.#openConnection()
    if (this.#open === null) this.#setClaiming(false)
    return this.#open
  }

  /** Claims the next due notice only once it can be sent: the reader's state is read with the claim and soon stale. */
  async #claim({ shared }: Open): Promise<ClaimedNotice | null> {
    const { held, signal } = this.#sending
    this.trouble = (await shared.breaker.enter())?.reply ?? null
    if (this.trouble === null) await shared.throttle()
    const notice = this.trouble !== null || signal.aborted ? null : await this.#repeat(held.claimer())
    this.#setClaiming(false)
    return notice
  }

  async #sendOne({ connection, shared }: Open, notice: ClaimedNotice): Promise<void> {
    const outcome = await attemptNotice(this.#sending, connection, shared.breaker, notice)
    if (outcome?.state === 'sent') this.accepted += 1
    if (outcome !== null) await recordNoticeUntilWritten(this.#sending, { notice, outcome })
    // Only once it is recorded, so that no other connection of this sending repeats it.
    this.#sending.held.drop(notice)
    // A relay that failed on this connection may work on another one.
    if (outcome?.pausesRelay) await this.#disconnect()
  }

  async #openConnection(): Promise<void> {
    const { signal } = this.#sending
    const connecting = connectFirst(this.#relays.map(({ relay }) => relay))
    const result = await orAborted(connecting, signal)
    if (result === null) {
      // It is no longer wanted: should it still be established, it is closed.
      void connecting.then((late) => ('connection' in late ? late.connection.close() : undefined))
    } else if ('trouble' in result) {
      this.trouble = result.trouble
    } else {
      const shared = this.#relays.find(({ relay }) => relay === result.relay)
      if (shared !== undefined) this.#open = { connection: result.connection, shared }
    }
  }

  async #disconnect(): Promise<void> {
    const open = this.#open
    this.#open = null
    await open?.connection.close()
  }

  #setClaiming(isClaiming: boolean): void {
    if (isClaiming !== this.#isClaiming) this.#sending.claiming += isClaiming ? 1 : -1
    this.#isClaiming = isClaiming
  }

  #repeat<T>(work: () => Promise<T>): Promise<T> {
    const { clock, signal } = this.#sending
    return retryTransient(clock, work, { signal, forMs: DATABASE_AWAY_MS })
  }
}
