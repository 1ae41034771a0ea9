import type { WorldClock } from './clock.ts'
import type { Dice } from './dice.ts'
import { isLost, lostConnection } from './failing.ts'
import {
  type Client,
  counts,
  Killed,
  type Member,
  type Request,
  type Statement,
  type Trap,
  whenThawed,
} from './member.ts'
import { Sleepers } from './sleepers.ts'

export type Gate = {
  /** Runs a statement when it is its turn. */
  readonly pass: (statement: Statement) => Promise<unknown>
  /** Where the process is in a transaction, at its end; ends when it is thawed. */
  readonly freeze: (member: Member) => Promise<void>
  readonly die: (member: Member) => void
  /** While its work goes on, nobody's statement is chosen before it has come with its own. */
  readonly enter: (member: Member) => void
  readonly leave: (member: Member) => void
  /** How many processes died or stood still so far: each may have left one message in doubt. */
  readonly fates: () => number
  /** How many statements have failed so far: none of them may leave a message in doubt. */
  readonly failures: () => number
  /** Ends when so much time has gone by and nobody has anything else to do. */
  readonly sleep: (member: Member, ms: number, signal?: AbortSignal) => Promise<void>
  readonly statements: () => number
}

const MS_A_STATEMENT = 1
/** Nobody came to a statement for so long, of the machine's time: who is not asleep waits for something that takes time. */
const QUIET_MS = 20
/**
 * Who waits for another's batches asks again every 50 ms of the machine's time; here more goes by meanwhile, and most while
 * somebody stands still whose lease must run out first.
 */
const isWaiting = (text: string) => /set recalled_until = \$|'being cancelled'/.test(text)
const msOfWait = (working: ReadonlySet<Member>) => ([...working].some(({ thawed }) => thawed !== null) ? 3000 : 300)

/**
 * Lets one statement at a time through, and of several processes at work one by chance: only once all of them have come to
 * a statement, so that the order depends on the dice alone.
 */
export function openGate(clock: WorldClock, dice: Dice): Gate {
  let waiting: Request[] = []
  let owner: { readonly member: Member; readonly client: Client } | null = null
  /** Whose transaction the database is just beginning. */
  let beginner: Member | null = null
  const working = new Set<Member>()
  let busy = false
  let asked = false
  let fates = 0
  let failures = 0
  let statements = 0
  let quiet: NodeJS.Timeout | undefined
  const sleepers = new Sleepers()

  function look(): void {
    if (asked) return
    asked = true
    setImmediate(() => {
      asked = false
      if (!busy) void serve()
    })
  }

  /** Who sleeps is not waited for once it is `quiet`. */
  function choose(isQuiet: boolean): Request | null {
    const ready = waiting.filter(({ member }) => member.thawed === null)
    const inTurn = owner
    if (inTurn !== null) return ready.find(({ client }) => client === inTurn.client) ?? null
    const isReady = (one: Member) => ready.some(({ member }) => member === one)
    const atWork = [...working].filter((one) => one.thawed === null && !one.dead)
    const [able, others] = [atWork.filter(isReady), atWork.filter((one) => !isReady(one))]
    if (!others.every((one) => isQuiet && sleepers.has(one))) return null
    const turn = able[able.length > 1 ? dice.below(able.length) : 0]
    return ready.find(({ member }) => turn === undefined || member === turn) ?? null
  }

  async function serve(): Promise<void> {
    const request = choose(false)
    if (request === null) return awaitQuiet()
    await serveThis(request)
  }

  function awaitQuiet(): void {
    clearTimeout(quiet)
    quiet = setTimeout(onQuiet, QUIET_MS)
  }

  function onQuiet(): void {
    if (busy || asked) return
    const request = owner === null ? choose(true) : null
    const first = owner === null ? sleepers.first() : null
    if (request !== null) void serveThis(request)
    else if (first !== null) {
      clock.pass(Math.max(0, first.wakeMs - clock.trueMs()))
      first.wake()
      awaitQuiet()
    } else if (owner !== null) awaitQuiet()
  }

  async function serveThis(request: Request): Promise<void> {
    clearTimeout(quiet)
    busy = true
    waiting = waiting.filter((one) => one !== request)
    await serveOne(request)
    busy = false
    look()
  }

  /** Whether the process's fate comes now; a transaction is not frozen in. */
  function meetsFate({ member, text }: Request, when: Trap['when']): void {
    const { trap } = member
    if (trap === null || member.statements < trap.at || trap.when !== when) return
    if (!counts(member, text) && !/^(commit|begin)/.test(text)) return
    const inTransaction = owner !== null || (when === 'after' && /^begin/i.test(text))
    if (trap.does === 'fail' || (trap.does === 'freeze' && inTransaction)) return
    member.trap = null
    if (trap.does === 'die') die(member)
    else void freeze(member)
  }

  /** How the statement fails, if it does: from its trap on, so many in a row of those that count. */
  function failureOf({ member, text }: Request): Extract<Trap, { does: 'fail' }> | null {
    const { trap } = member
    if (trap?.does !== 'fail' || member.statements < trap.at || !counts(member, text) || /^rollback/i.test(text))
      return null
    if (member.statements >= trap.at + trap.times) return null
    failures += 1
    return trap
  }

  async function serveOne(request: Request): Promise<void> {
    const { member, text, reject } = request
    clock.pass(isWaiting(text) ? msOfWait(working) : MS_A_STATEMENT)
    statements += 1
    if (counts(member, text)) member.statements += 1
    meetsFate(request, 'before')
    if (member.dead) return reject(new Killed())
    if (member.thawed !== null) {
      waiting.push(request)
      return
    }
    const failure = failureOf(request)
    return failure === null ? answer(request) : fail(request, failure)
  }

  async function fail(request: Request, { code, when }: Extract<Trap, { does: 'fail' }>): Promise<void> {
    const { member, client, text, run, refused, reject } = request
    try {
      if (when === 'after') await run()
      else if (!isLost(code)) await refused(code)
    } catch (error) {
      if (/^commit/i.test(text)) {
        await client?.rollBack()
        ended(member)
      }
      return reject(error)
    }
    // Whatever transaction was open is gone with its connection.
    await client?.lose(code)
    if (owner !== null && owner.client === client) ended(member)
    reject(lostConnection(code))
  }

  async function answer(request: Request): Promise<void> {
    const { member, client, text, run, resolve, reject } = request
    if (/^begin/i.test(text)) beginner = member
    try {
      const value = await run()
      if (/^begin/i.test(text) && client !== null) begun({ member, client })
      if (/^(commit|rollback$)/i.test(text)) ended(member)
      meetsFate(request, 'after')
      whenThawed(member, () => (member.dead ? reject(new Killed()) : resolve(value)))
    } catch (error) {
      beginner = null
      reject(error)
    }
  }

  function ended(member: Member): void {
    owner = null
    member.atCommit?.()
    member.atCommit = null
  }

  async function freeze(member: Member): Promise<void> {
    if (owner?.member === member || beginner === member)
      await new Promise<void>((resolve) => {
        member.atCommit = resolve
      })
    if (member.dead) return
    fates += 1
    const thawed = new Promise<void>((thawed) => {
      member.thaw = () => {
        member.thawed = null
        thawed()
        look()
      }
    })
    member.thawed = thawed
    member.onFrozen()
    look()
    return thawed
  }

  function die(member: Member): void {
    if (member.dead) return
    fates += 1
    member.dead = true
    member.death.abort()
    sleepers.wakeAll(member)
    member.atCommit?.()
    member.thaw()
    if (owner?.member === member) void owner.client.undo().then(free)
    const [its, others] = [
      waiting.filter((one) => one.member === member),
      waiting.filter((one) => one.member !== member),
    ]
    waiting = others
    for (const { reject } of its) reject(new Killed())
    look()
  }

  /** Who died while the database began its transaction is not there to end it. */
  function begun(transaction: NonNullable<typeof owner>): void {
    owner = transaction
    beginner = null
    if (transaction.member.dead) void transaction.client.undo().then(free)
  }

  function free(): void {
    owner = null
    look()
  }

  return {
    pass: (statement) =>
      new Promise((resolve, reject) => {
        if (statement.member.dead) return reject(new Killed())
        waiting.push({ ...statement, resolve, reject })
        look()
      }),
    freeze,
    die,
    enter: (member) => working.add(member),
    leave: (member) => {
      working.delete(member)
      look()
    },
    fates: () => fates,
    failures: () => failures,
    sleep: (member, ms, signal) => {
      const slept = sleepers.sleep(member, clock.trueMs() + ms, signal)
      look()
      return slept
    },
    statements: () => statements,
  }
}
