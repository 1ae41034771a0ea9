import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import type { Database } from '../../../src/db/client.ts'
import { type ImportWatch, importSubscribers } from '../../../src/subscribers/import/import.ts'
import type { ImportResult } from '../../../src/subscribers/import/passes.ts'
import { type ListedSubscription, listSubscriptions } from '../../../src/subscribers/list-subscribers.ts'
import { handClock } from '../../support/clock.ts'
import { NOON } from '../fixtures.ts'

/** The cells confirmedAt and evidence, and a header of just them. */
export const PROOF = '2024-05-01T10:00:00Z,card'
export const HEADER = 'email,confirmedAt,evidence'

/** What is listed of who chose Fridays at 18 in Kolkata. */
export const FRIDAYS = { frequency: 'weekly', weekday: 5, hour: 18, timeZone: 'Asia/Kolkata' }

/** The counts of an import, of which all but these are 0. */
export const counts = (said: Partial<ImportResult>): ImportResult => ({
  rows: 0,
  added: 0,
  updated: 0,
  unchanged: 0,
  duplicates: 0,
  pending: 0,
  rejected: 0,
  rejectsFile: null,
  ...said,
})

/** What is watched of an import that accepts all mails, where a test says nothing else. */
export const watching = (said: Partial<ImportWatch> = {}): ImportWatch => ({
  onRead: () => {},
  accept: async () => 'send',
  onProgress: () => {},
  ...said,
})

/** A folder with one CSV file, imported again and again. */
export type ImportFolder = {
  readonly path: (name: string) => string
  /** Imports a file of this text; the newsletter is that of rows that name none. */
  readonly importText: (db: Database, text: string | Buffer, newsletter?: string) => Promise<ImportResult>
  /** Columns that the last import left out. */
  readonly unknown: () => readonly string[]
}

/** Makes it for a test file; it goes after the last test. */
export function openImportFolder(): ImportFolder {
  const folder = mkdtempSync(join(tmpdir(), 'courant-import-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const path = (name: string) => join(folder, name)
  let unknown: readonly string[] = []
  return {
    path,
    importText: async (db, text, newsletter) => {
      writeFileSync(path('readers.csv'), text)
      const watch = watching({
        onRead: (found) => {
          unknown = found.unknown
        },
      })
      const order = { file: path('readers.csv'), newsletter: newsletter ?? null }
      const result = await importSubscribers(db, order, watch, handClock(NOON))
      const { rows, rejectsFile, ...parts } = result
      // Whatever a test is about, the counts of its imports add up.
      expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(rows)
      return result
    },
    unknown: () => unknown,
  }
}

/** All subscriptions, oldest first. */
export async function readAll(db: Database): Promise<readonly ListedSubscription[]> {
  const all: ListedSubscription[] = []
  for await (const one of listSubscriptions(db, { newsletterId: null, state: null })) all.push(one)
  return all
}

/** The lines of an import's rejects file. */
export function readRejects(result: ImportResult): readonly string[] {
  return readFileSync(result.rejectsFile ?? '', 'utf8')
    .trimEnd()
    .split('\n')
}
