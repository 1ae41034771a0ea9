import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Who holds an embedded database's folder, and where its socket is. */
type Holder = { readonly pid: number; readonly host: string; readonly socketFolder: string }

/** A connection to the holder; while it is open the holder does not end its engine, unless its patience is at an end. */
export type Joined = {
  readonly holder: Holder
  readonly leave: () => void
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<void>
}

export const SOCKET_NAME = '.s.PGSQL.5432'

/** Says in the folder that this process holds it; others may work through it from now on. */
export function announceHolder(path: string, socketFolder: string): void {
  const holder: Holder = { pid: process.pid, host: hostname(), socketFolder }
  writeFileSync(fileIn(path), JSON.stringify(holder), { mode: 0o600 })
}

/** Takes away what this holder, or one that died, has said of itself: nobody comes in by it any more. */
export function withdrawHolder(path: string): void {
  rmSync(fileIn(path), { force: true })
}

/**
 * Connects to the process that holds the folder, or ends with null where none answers: the file says nothing yet, or what
 * an earlier process wrote.
 */
export async function joinHolder(path: string): Promise<Joined | null> {
  const holder = readHolder(path)
  if (holder === null || holder.host !== hostname()) return null
  const socket = await connectTo(join(holder.socketFolder, SOCKET_NAME))
  if (socket === null) return null
  const leave = () => void socket.destroy()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  // A holder that is ending takes its file away first, so that it counts every connection made before that.
  const { pid = null } = readHolder(path) ?? {}
  if (pid === holder.pid) return { holder, leave, closed }
  leave()
  return null
}

const fileIn = (path: string) => join(path, 'holder.json')

function readHolder(path: string): Holder | null {
  try {
    const read: Partial<Holder> | null = JSON.parse(readFileSync(fileIn(path), 'utf8'))
    const { pid, host, socketFolder } = read ?? {}
    return pid === undefined || host === undefined || socketFolder === undefined ? null : { pid, host, socketFolder }
  } catch {
    return null
  }
}

/** A connection that keeps no process alive; null where nobody accepts it. */
function connectTo(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.unref()
    socket.on('error', () => resolve(null))
    socket.once('connect', () => resolve(socket))
  })
}
