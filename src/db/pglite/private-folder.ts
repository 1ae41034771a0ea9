import { chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'

const OWNER_ONLY = 0o700
const OTHERS = 0o077

/**
 * Makes a folder that nobody but this user may enter, or makes an existing one such, with all it holds.
 *
 * @throws Error where it belongs to somebody else, or is no folder; the system's error where its rights cannot be changed.
 */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: OWNER_ONLY })
  // The operator may have put it elsewhere by a link.
  const real = realpathSync(path)
  withdrawRights(real, ownStats(real))
  withdrawWithin(real)
}

/**
 * Does the same for a folder in a place where others may make folders too (`/tmp`): a link is not followed.
 *
 * @throws Error as `makePrivateFolder`.
 */
export function makePrivateFolderAmongOthers(path: string): void {
  try {
    mkdirSync(path, { mode: OWNER_ONLY })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const stats = ownStats(path)
  if (!stats.isDirectory()) throw new Error(`${path} is ${stats.isSymbolicLink() ? 'a link' : 'no folder'}.`)
  withdrawRights(path, stats)
}

/** From now on what this process writes is for its user alone. */
export function makePrivateFiles(): void {
  // Only a process's main thread may say so.
  if (isMainThread) process.umask(OTHERS)
}

function ownStats(path: string): Stats {
  const stats = lstatSync(path)
  const user = process.getuid?.()
  if (user !== undefined && stats.uid !== user)
    throw new Error(`${path} belongs to user ${stats.uid}, not to user ${user}, who runs this program.`)
  return stats
}

function withdrawWithin(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const stats = lstatSync(path)
    withdrawRights(path, stats)
    if (stats.isDirectory()) withdrawWithin(path)
  }
}

function withdrawRights(path: string, stats: Stats): void {
  if (!stats.isSymbolicLink() && (stats.mode & OTHERS) !== 0) chmodSync(path, stats.mode & 0o777 & ~OTHERS)
}
