import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand, startCommand } from '../../support/command.ts'
import { copyDatabase } from '../../support/database.ts'

let database: Awaited<ReturnType<typeof copyDatabase>>
let folder: string
let environment: Record<string, string>
beforeAll(async () => {
  database = await copyDatabase()
  folder = mkdtempSync(join(tmpdir(), 'courant-templates-'))
  mkdirSync(join(folder, 'mail'))
  environment = { DATABASE_URL: database.url, SECRET: 'x'.repeat(32), LOG_LEVEL: 'silent', TEMPLATES_DIR: folder }
})
afterAll(() => {
  database.remove()
  rmSync(folder, { recursive: true })
})

const TEMPLATE = readFileSync(new URL('../../../templates/mail/digest.txt', import.meta.url), 'utf8')
const write = (source: string) => writeFileSync(join(folder, 'mail', 'digest.txt'), source)

test('digest preview --watch shows each change of a template, faults with file and line', {
  timeout: 120_000,
}, async () => {
  await runCommand('newsletter add --slug morgen --name Morgen --from post@example.org'.split(' '), environment)
  const { child, ended } = startCommand(
    ['digest', 'preview', 'morgen', '--format', 'text', '--watch', '--json'],
    environment,
  )
  const { url } = await firstLine(child.stdout)
  const page = async () => (await fetch(url)).text()
  await expect.poll(page, { timeout: 30_000 }).toContain('Morgen\n======')

  write(`Guten Morgen\n${TEMPLATE}`)
  await expect.poll(page, { timeout: 30_000 }).toContain('Guten Morgen\nMorgen')

  write(`\n{{ nobody.knows }}\n${TEMPLATE}`)
  await expect.poll(page, { timeout: 30_000 }).toContain(`Correct ${join(folder, 'mail', 'digest.txt')} in line 2.`)

  child.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 0, signal: null, err: '' })
})

test('--watch shows what a browser can show, and says so', async () => {
  const { code, err } = await startCommand(['digest', 'preview', '--watch', '--format', 'eml'], environment).ended
  expect([code, err]).toEqual([2, expect.stringContaining('--format html or text')])
})

async function firstLine(out: NodeJS.ReadableStream | null): Promise<{ url: string }> {
  if (out === null) throw new Error('the command has no output')
  for await (const line of createInterface({ input: out })) return JSON.parse(line)
  throw new Error('the command ended before it said where it is')
}
