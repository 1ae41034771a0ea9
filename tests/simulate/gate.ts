import type { WorldClock } from './clock.ts'
import type { Dice } from './dice.ts'

/**
 * Where a process meets its fate: at its `at`-th statement (from 1), before or after the database has done it. `die`: what
 * was not committed is lost, and nothing more is heard of it. `freeze`: it stands still until it is thawed; outside of
 * transactions only, since the embedded database serves nobody else during one.
 */
export type Trap = {
  readonly at: number
  readonly when: 'before' | 'after'
  readonly does: 'die' | 'freeze'
  /** Only statements with this in their text count; null counts all. */
  readonly on: string | null
}

/** What a statement is refused with once its process is dead. */
export class Killed extends Error {
  constructor() {
    super('the process is dead')
  }
}

/** A process as the gate sees it. */
export type Member = {
  trap: Trap | null
  statements: number
  dead: boolean
  thawed: Promise<void> | null
  thaw: () => void
  onFrozen: () => void
  /** What waits for the end of its transaction. */
  atCommit: (() => void) | null
}

/** A connection that may be in a transaction; `undo` rolls that back and gives the connection away. */
export type Client = { readonly undo: () => Promise<void> }

/** One statement, and the connection it comes on; null for one that is a transaction of its own. */
type Statement = {
  readonly member: Member
  readonly client: Client | null
  readonly text: string
  readonly run: () => Promise<unknown>
}
type Request = Statement & {
  readonly settle: (value: unknown) => void
  readonly refuse: (error: unknown) => void
}

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
  readonly statements: () => number
}

const MS_A_STATEMENT = 1
/**
 * Who waits for another's shares asks again every 50 ms of the machine's time; here more goes by meanwhile, and most while
 * somebody stands still whose lease must run out first.
 */
const isWaiting = (text: string) => /set recalled_until = \$|'being cancelled'/.test(text)
const msOfWait = (working: ReadonlySet<Member>) => ([...working].some(({ thawed }) => thawed !== null) ? 3000 : 300)

const counts = ({ trap }: Member, text: string) => trap === null || trap.on === null || text.includes(trap.on)

function whenThawed({ thawed }: Member, run: () => void): void {
  if (thawed === null) run()
  else void thawed.then(run)
}

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
  let statements = 0

  function look(): void {
    if (asked) return
    asked = true
    setImmediate(() => {
      asked = false
      if (!busy) void serve()
    })
  }

  function choose(): Request | null {
    const ready = waiting.filter(({ member }) => member.thawed === null)
    const inTurn = owner
    if (inTurn !== null) return ready.find(({ client }) => client === inTurn.client) ?? null
    const atWork = [...working].filter((one) => one.thawed === null && !one.dead)
    if (!atWork.every((one) => ready.some(({ member }) => member === one))) return null
    const turn = atWork[atWork.length > 1 ? dice.below(atWork.length) : 0]
    return ready.find(({ member }) => turn === undefined || member === turn) ?? null
  }

  async function serve(): Promise<void> {
    const request = choose()
    if (request === null) return
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
    if (trap.does === 'freeze' && inTransaction) return
    member.trap = null
    if (trap.does === 'die') die(member)
    else void freeze(member)
  }

  async function serveOne(request: Request): Promise<void> {
    const { member, text, refuse } = request
    clock.pass(isWaiting(text) ? msOfWait(working) : MS_A_STATEMENT)
    statements += 1
    if (counts(member, text)) member.statements += 1
    meetsFate(request, 'before')
    if (member.dead) return refuse(new Killed())
    if (member.thawed !== null) {
      waiting.push(request)
      return
    }
    return answer(request)
  }

  async function answer(request: Request): Promise<void> {
    const { member, client, text, run, settle, refuse } = request
    if (/^begin/i.test(text)) beginner = member
    try {
      const value = await run()
      if (/^begin/i.test(text) && client !== null) begun({ member, client })
      if (/^(commit|rollback$)/i.test(text)) ended(member)
      meetsFate(request, 'after')
      whenThawed(member, () => (member.dead ? refuse(new Killed()) : settle(value)))
    } catch (error) {
      beginner = null
      refuse(error)
    }
  }

  function ended(member: Member): void {
    owner = null
    member.atCommit?.()
    member.atCommit = null
  }

  async function freeze(member: Member): Promise<void> {
    if (owner?.member === member || beginner === member)
      await new Promise<void>((settle) => {
        member.atCommit = settle
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
    member.atCommit?.()
    member.thaw()
    if (owner?.member === member) void owner.client.undo().then(free)
    const [its, others] = [
      waiting.filter((one) => one.member === member),
      waiting.filter((one) => one.member !== member),
    ]
    waiting = others
    for (const { refuse } of its) refuse(new Killed())
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
      new Promise((settle, refuse) => {
        if (statement.member.dead) return refuse(new Killed())
        waiting.push({ ...statement, settle, refuse })
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
    statements: () => statements,
  }
}
