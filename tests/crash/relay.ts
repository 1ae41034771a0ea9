import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Conversation, converse, type Stage, type Taken } from './conversation.ts'

/** What became of one connection of a process; `cut` where it ended without QUIT: by a kill, a reset, or a client that gave up. */
export type Call = {
  readonly number: number
  /** By which of the relay's ports it came: each process that lives beside others has one of its own. */
  readonly door: number
  /** Messages whose dot came, in order. */
  readonly taken: Taken[]
  open: boolean
  cut: boolean
}

/** A relay that forgets nothing. It takes what it is sent but for what `refuse` says. */
export type CrashRelay = {
  readonly ports: readonly number[]
  readonly calls: readonly Call[]
  /** Messages whose dot came, replied to or not, since it was opened. */
  readonly count: () => number
  /** Connections open by this door. */
  readonly open: (door: number) => readonly Call[]
  /** Open connections with a message whose dot came and whose reply did not go out. */
  readonly unanswered: () => number
  /** Heard at each dot, before its reply goes out. */
  onTaken: (count: number) => void
  /** A reply that refuses the recipient, or null. */
  refuse: (to: string) => string | null
  /** Whether a connection is reset at this stage of a dialogue; asked each time one comes there. */
  resets: (stage: Stage, to: string) => boolean
  /** How long a reply to a message is held back. */
  pauseMs: number
  /** Resets every connection and listens no more until `revive`; what was not replied to never will be. */
  readonly fall: () => Promise<void>
  /** Listens again, where it does not. */
  readonly revive: () => Promise<void>
  readonly close: () => Promise<void>
}

const DOORS = 3

/**
 * Starts a relay on free ports of 127.0.0.1 that offers PIPELINING and costs little beside the process it takes from; it
 * reads articles from contents only where it is told how.
 */
export async function openRelay(readArticles: (content: Buffer) => readonly number[] = () => []): Promise<CrashRelay> {
  const calls: Call[] = []
  const sockets = new Map<Socket, Conversation>()
  const ports = Array.from({ length: DOORS }, () => 0)
  let servers: Server[] = []
  let count = 0

  const take = (socket: Socket, door: number): void => {
    const call: Call = { number: calls.length, door, taken: [], open: true, cut: false }
    calls.push(call)
    socket.setNoDelay(true)
    const talk = converse(socket, {
      refuse: (to) => relay.refuse(to),
      resets: (stage, to) => relay.resets(stage, to),
      pauseMs: () => relay.pauseMs,
      readArticles,
      onTaken: (taken) => {
        call.taken.push(taken)
        count += 1
        relay.onTaken(count)
      },
    })
    sockets.set(socket, talk)
    socket.on('error', () => {})
    socket.on('close', () => {
      call.open = false
      call.cut = !talk.saidGoodbye()
      sockets.delete(socket)
    })
  }

  const listen = async (): Promise<void> => {
    if (servers.length > 0) return
    for (const [door, port] of ports.entries()) {
      const server = createServer((socket) => take(socket, door))
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
      const address = server.address() as AddressInfo // Listening on a port, so neither a path nor null.
      ports[door] = address.port
      servers.push(server)
    }
  }

  const fall = async (): Promise<void> => {
    const falling = servers
    servers = []
    for (const socket of sockets.keys()) socket.resetAndDestroy()
    await Promise.all(falling.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))))
  }

  await listen()
  const relay: CrashRelay = {
    ports,
    calls,
    count: () => count,
    open: (door) => calls.filter((call) => call.open && call.door === door),
    unanswered: () => [...sockets.values()].filter((talk) => talk.isUnanswered()).length,
    onTaken: () => {},
    refuse: () => null,
    resets: () => false,
    pauseMs: 0,
    fall,
    revive: listen,
    close: fall,
  }
  return relay
}
