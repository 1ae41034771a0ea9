import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { CourantError, reasonOf } from '../../../errors.ts'

/** A file that is read from its beginning as often as needed, and says when it is no longer the one that was opened. */
export type InputFile = {
  readonly path: string
  readonly totalBytes: number
  /** How far the latest reading has come. */
  readonly readBytes: () => number
  /** All octets in order. A piece is overwritten by the next one. */
  readonly pieces: () => AsyncGenerator<Buffer, undefined>
  readonly ensureUnchanged: () => Promise<void>
  readonly close: () => Promise<void>
}

const PIECE_BYTES = 64 * 1024

/**
 * Opens a file to be imported.
 *
 * @throws CourantError `import.file` when it cannot be read; from `ensureUnchanged` `import.changed`.
 */
export async function openInput(path: string): Promise<InputFile> {
  const handle = await openRegular(path)
  const { size, mtimeNs } = await handle.stat({ bigint: true })
  let position = 0
  async function* pieces(): AsyncGenerator<Buffer, undefined> {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES)
    for (position = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, PIECE_BYTES, position).catch((cause) => fail(path, cause))
      if (bytesRead === 0) return
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
  return {
    path,
    totalBytes: Number(size),
    readBytes: () => position,
    pieces,
    ensureUnchanged: async () => {
      const now = await handle.stat({ bigint: true })
      if (now.size === size && now.mtimeNs === mtimeNs) return
      throw new CourantError('import.changed', {
        what: `The file ${path} was changed while it was being imported.`,
        todo: 'Import it again once nobody writes to it; rows that are stored already do no harm.',
      })
    },
    close: () => handle.close(),
  }
}

/** Only a regular file can be read twice; opening a pipe would wait for its writer. */
async function openRegular(path: string): Promise<FileHandle> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new Error('It is no regular file.')
    return await open(path, constants.O_RDONLY)
  } catch (cause) {
    return fail(path, cause)
  }
}

function fail(path: string, cause: unknown): never {
  throw new CourantError('import.file', {
    what: `The file ${path} cannot be read.`,
    why: reasonOf(cause),
    todo: 'Name a CSV file that exists; a pipe must be saved to a file first.',
    cause,
  })
}
