import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { serveWatched, type Watched } from '../../../src/commands/shared/watch-server.ts'

let folder: string
let served: Watched
let renders: number
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'courant-watched-'))
  renders = 0
  writeFileSync(join(folder, 'digest.txt'), 'first')
  writeFileSync(join(folder, '.digest.txt.swp'), '')
  served = await serveWatched(async () => {
    renders += 1
    return `<p>${await readFile(join(folder, 'digest.txt'), 'utf8')}</p>`
  }, [folder])
})
afterEach(async () => {
  await served.close()
  rmSync(folder, { recursive: true })
})

const page = async () => (await fetch(served.url)).text()
const changesOf = (html: string) => /\/changes\?after=\d+/.exec(html)?.[0] ?? 'no script'

/** Changes the template in one step: written in place it may be seen empty first. */
function replaceTemplate(text: string): void {
  writeFileSync(join(folder, 'new'), text)
  renameSync(join(folder, 'new'), join(folder, 'digest.txt'))
}

/** Ends with the first change that is told. */
async function nextChange(path: string): Promise<string> {
  const { body } = await fetch(new URL(path, served.url))
  for await (const octets of body ?? []) return Buffer.from(octets).toString()
  return 'ended'
}

describe('the page that watches', () => {
  test('is what was rendered, and asks for changes', async () => {
    const html = await page()
    expect(html).toMatch(/^<p>first<\/p>\n<script>/)
    expect(changesOf(html)).toBe('/changes?after=0')
    expect(renders).toBe(1)
  })

  test('is rendered again when a template changes, and the open page is told', async () => {
    const told = nextChange(changesOf(await page()))
    replaceTemplate('second')
    expect(await told).toBe('data: changed\n\n')
    expect(await page()).toContain('<p>second</p>')
  })

  test('that was loaded before the last change is told at once', async () => {
    const before = changesOf(await page())
    const told = nextChange(before)
    replaceTemplate('second')
    await told
    expect(await nextChange(before)).toBe('data: changed\n\n')
  })

  test('is not rendered again for an editor’s own files', async () => {
    const told = nextChange(changesOf(await page()))
    const at = new Date(0)
    utimesSync(join(folder, '.digest.txt.swp'), at, at)
    utimesSync(join(folder, 'digest.txt'), at, at)
    await told
    expect(renders).toBe(2)
  })

  test('is the only one there', async () => {
    expect((await fetch(new URL('/favicon.ico', served.url))).status).toBe(404)
  })
})
