import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkTemplatesOnce } from '../../../src/digest/render/check-templates.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import { PUBLICATION } from '../sample.ts'

const dir = await mkdtemp(join(tmpdir(), 'courant-checked-'))
await mkdir(join(dir, 'mail'))
afterAll(() => rm(dir, { recursive: true }))

/** The templates, and how often the digest's HTML was asked for: each check asks. */
function counting(templates: Templates): { readonly templates: Templates; readonly asked: () => number } {
  let asked = 0
  const htmlFor: Templates['digest']['htmlFor'] = (look) => {
    asked += 1
    return templates.digest.htmlFor(look)
  }
  return { templates: { ...templates, digest: { ...templates.digest, htmlFor } }, asked: () => asked }
}

describe('checking templates for every slot', () => {
  test('takes the time once for a publication, and again when it is changed', async () => {
    const { templates, asked } = counting(await loadTemplates({ dir: null }))
    checkTemplatesOnce(templates, PUBLICATION)
    const once = asked()
    expect(once).toBeGreaterThan(0)
    checkTemplatesOnce(templates, { ...PUBLICATION })
    expect(asked()).toBe(once)
    checkTemplatesOnce(templates, { ...PUBLICATION, accent: '#7a1f1f' })
    expect(asked()).toBe(2 * once)
    checkTemplatesOnce(templates, { ...PUBLICATION, maxArticles: PUBLICATION.maxArticles + 1 })
    expect(asked()).toBe(3 * once)
  })

  test('finds what is wrong with a file that was changed after the last check, each time anew', async () => {
    checkTemplatesOnce(await loadTemplates({ dir }), PUBLICATION)
    const own = await readFile(new URL('../../../templates/mail/digest.txt', import.meta.url), 'utf8')
    await writeFile(join(dir, 'mail/digest.txt'), own.replace('{{ reader.reason }}', ''))
    const changed = await loadTemplates({ dir })
    for (let tries = 0; tries < 2; tries++)
      expect(() => checkTemplatesOnce(changed, PUBLICATION)).toThrow(/digest\.txt.*reader\.reason/)
    await writeFile(join(dir, 'mail/digest.txt'), own)
    const mended = await loadTemplates({ dir })
    expect(() => checkTemplatesOnce(mended, PUBLICATION)).not.toThrow()
  })
})
