import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Where the repository lies. */
export const ROOT = resolve(import.meta.dirname, '../..')

/** A page people read; `name` is its path in the repository. */
export type Document = { readonly name: string; readonly text: string }

/** Every page of the repository: those at its root and all of docs/. */
export const documents: readonly Document[] = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]
  .toSorted()
  .map((name) => ({ name, text: readFileSync(join(ROOT, name), 'utf8') }))

/** The page of this name. */
export function documentOf(name: string): Document {
  const found = documents.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no page ${name}`)
  return found
}

/** The texts of fenced blocks of one language, in order. */
export function blocksOf({ text }: Document, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block ?? '')
}

/** The command lines of a page, in order and without remarks: those fenced as `sh`, and those of indented blocks. */
export function commandLinesOf({ text }: Document): readonly string[] {
  const lines: string[] = []
  let fence: string | null = null
  let before = ''
  for (const line of text.split('\n')) {
    const mark = /^```(\w*)$/.exec(line)
    if (mark !== null) fence = fence === null ? (mark[1] ?? '') : null
    else if (fence === 'sh') lines.push(line)
    else if (fence === null && /^ {4}\S/.test(line) && /^( {4}.*)?$/.test(before)) lines.push(line.slice(4))
    before = line
  }
  return lines.map((line) => line.replace(/\s+#.*$/, '').trim()).filter((line) => line !== '' && !line.startsWith('#'))
}

/** The words of a command line, quoted ones without their quotation marks. */
export function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

/** What stands in the running text between grave accents; fenced blocks are left out. */
export function inlineCodesOf({ text }: Document): readonly string[] {
  const running = text.replace(/^```.*?^```/gms, '')
  return [...running.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? '')
}
