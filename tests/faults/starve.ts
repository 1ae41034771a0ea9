import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'

/**
 * Loaded before everything else of a process that is started with few file descriptors: takes all that are left when the
 * process is about to connect to a port for the `STARVE_AT`th time, and gives them back after `STARVE_MS`.
 */
const [at, ms] = [Number(process.env.STARVE_AT), Number(process.env.STARVE_MS)]
let dials = 0

const connect = Socket.prototype.connect as (...args: unknown[]) => Socket
const connecting = function (this: Socket, ...args: unknown[]): Socket {
  if (isPort(args)) {
    dials += 1
    if (dials === at) starve()
  }
  return Reflect.apply(connect, this, args)
}
Object.assign(Socket.prototype, { connect: connecting })

/** Sockets of databases have paths. */
function isPort(args: readonly unknown[]): boolean {
  const [first] = args.flat()
  return typeof first === 'object' && first !== null && 'port' in first && !('path' in first && first.path)
}

function starve(): void {
  const taken: number[] = []
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch {
    // There are none left.
  }
  setTimeout(() => {
    for (const descriptor of taken) closeSync(descriptor)
  }, ms)
}
