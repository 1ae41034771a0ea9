import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The folder of cases that are not part of the repository; tests of them are skipped where it is not named. */
export const corpora = process.env.COURANT_CORPORA ?? null

/** Reads a JSON file of that folder. */
export function readCases<T>(name: string): T {
  if (corpora === null) throw new Error('COURANT_CORPORA names no folder')
  return JSON.parse(readFileSync(join(corpora, name), 'utf8'))
}
