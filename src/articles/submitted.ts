import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Temporal } from '../clock.ts'
import { CourantError, reasonOf } from '../errors.ts'
import type { Article } from './build-article.ts'
import { parseSubmitted } from './submit.ts'

/** Articles that were checked to the last line, waiting in a temporary file so that memory does not grow with them. */
type CheckedInput = {
  readonly rows: number
  readonly chunks: () => AsyncIterable<Article[]>
  readonly remove: () => Promise<void>
}

const ROWS_AT_ONCE = 500
const MOST_NAMED = 20
const BLOCK_LENGTH = 65_536

/**
 * Reads articles as NDJSON to the end before any is used: one wrong line refuses them all.
 *
 * @throws CourantError `article.invalid`, naming each wrong line by its number and what is wrong with it;
 * `article.unwritable`, when they cannot be kept meanwhile.
 */
export async function checkInput(input: Readable): Promise<CheckedInput> {
  const file = await openNameless().catch((error: unknown) => {
    throw unwritable(error)
  })
  const remove = () => file.close()
  const wrong: string[] = []
  const count = { rows: 0, wrong: 0 }
  try {
    await file.writeFile(inBlocks(checkLines(input, wrong, count)))
    if (count.wrong > 0) throw refuse(wrong, count.wrong)
  } catch (error) {
    await remove()
    throw isOfFile(error) ? unwritable(error) : error
  }
  return { rows: count.rows, chunks: () => readChunks(file), remove }
}

/** Written line by line a million lines take minutes. */
async function* inBlocks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let block = ''
  for await (const line of lines) {
    block += line
    if (block.length < BLOCK_LENGTH) continue
    yield block
    block = ''
  }
  yield block
}

/** A file that has no name any more: nothing of it stays, however the process ends. */
async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'courant-articles-'))
  try {
    return await open(join(folder, 'checked.ndjson'), 'wx+', 0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* checkLines(input: Readable, wrong: string[], count: { rows: number; wrong: number }) {
  let number = 0
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (line.trim() === '') continue
    const given = readLine(number === 1 ? line.replace(/^\ufeff/, '') : line)
    if (given.kind === 'article') {
      count.rows += 1
      yield `${JSON.stringify(given.article)}\n`
      continue
    }
    count.wrong += 1
    if (wrong.length < MOST_NAMED) wrong.push(`Line ${number}: ${given.why}.`)
  }
}

function readLine(line: string): ReturnType<typeof parseSubmitted> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { kind: 'wrong', why: 'it is not JSON' }
  }
  return parseSubmitted(value)
}

async function* readChunks(file: FileHandle): AsyncGenerator<Article[]> {
  let chunk: Article[] = []
  for await (const line of createInterface({ input: file.createReadStream({ start: 0, autoClose: false }) })) {
    const { publishedAt, ...article } = JSON.parse(line)
    chunk.push({ ...article, publishedAt: publishedAt === null ? null : Temporal.Instant.from(publishedAt) })
    if (chunk.length < ROWS_AT_ONCE) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

/** Writing a file failed: the disk is full, say. */
const isOfFile = (error: unknown) => error instanceof Error && 'syscall' in error && error.syscall === 'write'

function unwritable(cause: unknown): CourantError {
  return new CourantError('article.unwritable', {
    what: 'The articles cannot be kept while they are checked, so none was added.',
    why: `${reasonOf(cause)}.`,
    todo: `Make room in ${tmpdir()}, or name another folder in TMPDIR, and send all of them again.`,
    cause,
  })
}

function refuse(wrong: readonly string[], count: number): CourantError {
  const more = count > wrong.length ? ` And ${count - wrong.length} more.` : ''
  return new CourantError('article.invalid', {
    what:
      count === 1
        ? 'One line is wrong, so no article was added.'
        : `${count} lines are wrong, so no article was added.`,
    why: wrong.join(' ') + more,
    todo: 'Correct these lines and send all of them again; what was added before is not added twice.',
  })
}
