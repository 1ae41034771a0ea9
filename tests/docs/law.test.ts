import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { courantOn } from '../commands/commanding.ts'
import { openImportFolder } from '../subscribers/import/importing.ts'
import { freshDatabase } from '../support/fresh.ts'

const LAW = readFileSync(new URL('../../docs/law.md', import.meta.url), 'utf8')
const blocks = (language: string) =>
  [...LAW.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1] ?? '')

const { db } = await freshDatabase()
const folder = openImportFolder()

/** The words of a command line, quoted ones without their quotation marks. */
const wordsOf = (line: string) =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

test('every command of docs/law.md does what the page says', async () => {
  const courant = courantOn(db)
  await courant('newsletter', 'add', '--slug', 'tagblatt', '--name', 'Tagblatt')
  writeFileSync(folder.path('readers.csv'), blocks('csv').join(''))

  const answers: unknown[] = []
  for (const line of blocks('sh').join('').trim().split('\n')) {
    expect(line).toMatch(/^npx courant /)
    const words = wordsOf(line)
      .slice(2)
      .filter((word) => word !== '--json')
    answers.push(
      ...(await courant(...words.map((word) => (word === 'readers.csv' ? folder.path(word) : word)))).results,
    )
  }

  expect(answers).toMatchObject([
    { kind: 'added', email: 'eva@example.com' },
    { rows: 2, added: 1, pending: 1, rejected: 0 },
    { consent: [{ action: 'confirmed', evidence: 'signed card no. 17, Frankfurt, 2025-03-31' }], suppressed: null },
    { slug: 'tagblatt', imprint: 'Verlag Beispiel GmbH, Musterweg 1, 10115 Berlin' },
    { found: 0, lifted: 0 },
  ])
})
