import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { fitEngineFiles, requireDescriptors } from '../../config/descriptors.ts'
import { CourantError, reasonOf } from '../../errors.ts'
import { EmbeddedEngine } from './engine.ts'
import { announceHolder, type Joined, joinHolder, SOCKET_NAME, withdrawHolder } from './folder-lock.ts'
import { makePrivateFiles, makePrivateFolder, makePrivateFolderAmongOthers } from './private-folder.ts'

/** A PostgreSQL behind a Unix socket: `socketFolder` is what `pg` takes as host. */
type Embedded = {
  readonly socketFolder: string
  /** Whether this process holds the folder from the start; else it works through the process that does. */
  readonly holder: boolean
  /** Ends the holder's engine once no other process works through it, or when its patience with them is at an end. */
  readonly close: () => Promise<void>
}

/** A Unix socket's path may have 107 octets; `pg` adds this name. */
const LONGEST_SOCKET_PATH = 99
const ASK_EVERY_MS = 100
/** A holder that starts answers within seconds, also where it must recover after a crash; one that ends is gone as soon. */
const JOIN_WITHIN_MS = 10_000
const TRY_EVERY_MS = 50
/** A folder that does not open, on a full disk for instance, is tried again this often by a process that is to take it over. */
const REOPEN_EVERY_MS = 1_000
/** A server must stop within 10 s; a command, which ends by itself, lets those that came in by it finish. */
const PATIENCE_MS = { alone: 5_000, shared: Number.POSITIVE_INFINITY }
/**
 * PGlite's functions are huge, and optimising them takes memory: sending to 10,000 readers peaks at 970 MB resident with
 * V8's optimising compiler and at 410 MB without, and takes no longer.
 */
const PLAIN_WASM = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']

/**
 * Opens the embedded database in `folder`, or works through the process that has it open, unless it is to be held alone.
 * The lock is the operating system's (SQLite's exclusive lock on `lock.db`), so death frees it at once. While its holder
 * starts or ends, and so does not answer, this waits for it up to `withinMs`. When a holder is gone, one of those that work
 * through it takes the folder over, so their statements fail for seconds only.
 *
 * @throws CourantError `database.held` when the holder does not answer, or one does and `holding` is `alone`;
 * `database.embedded` when the database does not open; `machine.descriptors`.
 */
export async function openEmbedded(
  folder: string,
  holding: 'shared' | 'alone' = 'shared',
  patienceMs = PATIENCE_MS[holding],
  withinMs = JOIN_WITHIN_MS,
): Promise<Embedded> {
  const path = resolve(folder)
  ensurePrivate(path)
  for (let waitedMs = 0; waitedMs <= withinMs; waitedMs += TRY_EVERY_MS) {
    const lock = takeLock(join(path, 'lock.db'))
    if (lock !== null) return openHere(path, lock, placeForSocket(path), patienceMs)
    const joined = await joinHolder(path)
    if (joined !== null && holding === 'shared') return workThrough(joined, path, patienceMs)
    joined?.leave()
    if (joined !== null) throw held(path, `Process ${joined.holder.pid} on ${joined.holder.host} holds it.`)
    await pause(TRY_EVERY_MS)
  }
  throw held(path, 'Another process holds it and does not answer: it is just starting, or ending.')
}

/** Works through other processes, or holds the folder itself from when the last of them is gone. */
function workThrough(first: Joined, path: string, patienceMs: number): Embedded {
  const { socketFolder } = first.holder
  let joined = first
  let held: Embedded | null = null
  let isClosed = false

  async function takeOver(): Promise<void> {
    while (!isClosed && held === null) {
      await joined.closed
      const pauseMs = await tryToOpen()
      if (!isClosed) await pause(pauseMs, null, { ref: false })
    }
  }

  /** Holds the folder, or works through the process that was faster. @returns when to try again, if neither came about. */
  async function tryToOpen(): Promise<number> {
    try {
      const lock = isClosed ? null : takeLock(join(path, 'lock.db'))
      if (lock !== null) held = await openHere(path, lock, socketFolder, patienceMs)
      const next = isClosed || lock !== null ? null : await joinHolder(path)
      if (next !== null) joined = next
      if (isClosed) joined.leave()
      return TRY_EVERY_MS
    } catch {
      // The statements of this process fail meanwhile, and say that nobody answers.
      return REOPEN_EVERY_MS
    }
  }

  const taking = takeOver()
  const close = async () => {
    isClosed = true
    joined.leave()
    await taking
    await held?.close()
  }
  return { socketFolder, holder: false, close }
}

async function openHere(path: string, lock: DatabaseSync, socketFolder: string, patienceMs: number): Promise<Embedded> {
  try {
    return await hold(path, lock, socketFolder, patienceMs)
  } catch (cause) {
    lock.close()
    throw cause instanceof CourantError ? cause : notOpening(path, cause)
  }
}

function takeLock(file: string): DatabaseSync | null {
  let lock: DatabaseSync | null = null
  try {
    lock = new DatabaseSync(file)
    lock.exec('pragma busy_timeout = 0; begin exclusive')
    return lock
  } catch (error) {
    lock?.close()
    if (error instanceof Error && /locked|busy/i.test(error.message)) return null
    throw notOpening(dirname(file), error)
  }
}

const notOpening = (path: string, cause: unknown) =>
  new CourantError('database.embedded', {
    what: `The embedded database in ${path} does not open.`,
    why: reasonOf(cause),
    todo: 'Check that the disk is not full and that the folder is writable and was made by this version, or name another one in DATABASE_URL.',
    cause,
  })

async function hold(path: string, lock: DatabaseSync, socketFolder: string, patienceMs: number): Promise<Embedded> {
  requireDescriptors('embedded')
  // What a holder that died has said of itself would lead others to a socket where nobody answers.
  withdrawHolder(path)
  const socket = join(socketFolder, SOCKET_NAME)
  rmSync(socket, { force: true })
  for (const flag of PLAIN_WASM) setFlagsFromString(flag)
  makePrivateFiles()
  const engine = await EmbeddedEngine.start({ folder: join(path, 'pgdata'), socket, mostFiles: fitEngineFiles() })
  // A new one is unpacked with rights for everybody.
  makePrivateFolder(path)
  announceHolder(path, socketFolder)
  const close = () => {
    withdrawHolder(path)
    return end(engine, lock, patienceMs)
  }
  return { socketFolder, holder: true, close }
}

/** The data folder where its path is short enough, else a folder of the owner's own among the temporary files. */
function placeForSocket(path: string): string {
  if (Buffer.byteLength(join(path, SOCKET_NAME)) <= LONGEST_SOCKET_PATH) return path
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16)
  const place = join(tmpdir(), `courant-${process.getuid?.() ?? 0}-${name}`)
  try {
    makePrivateFolderAmongOthers(place)
    return place
  } catch (cause) {
    throw new CourantError('database.embedded', {
      what: `The embedded database in ${path} does not open: its socket needs the folder ${place}.`,
      why: reasonOf(cause),
      todo: 'Remove that folder, or name a database folder with a path of at most 99 octets in DATABASE_URL.',
      cause,
    })
  }
}

/** Readers' addresses are in it: nobody else on the machine may read them. */
function ensurePrivate(path: string): void {
  try {
    makePrivateFolder(path)
  } catch (cause) {
    throw new CourantError('database.embedded', {
      what: `The embedded database in ${path} does not open: nobody else may read its folder.`,
      why: reasonOf(cause),
      todo: 'Give the folder to the user who runs Courant (chown -R), or name another one in DATABASE_URL.',
      cause,
    })
  }
}

async function end(engine: EmbeddedEngine, lock: DatabaseSync, patienceMs: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < patienceMs && (await engine.countClients()) > 0; waitedMs += ASK_EVERY_MS)
    await pause(ASK_EVERY_MS)
  await engine.close()
  lock.close()
}

function held(path: string, why: string): CourantError {
  return new CourantError('database.held', {
    what: `The database folder ${path} is in use.`,
    why,
    todo: 'Run the command again in a moment, or end that process.',
  })
}
