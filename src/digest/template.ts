import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Liquid } from 'liquidjs'
import { CourantError } from '../errors.ts'
import { htmlEngine, type Parsed, parse, type TemplateFile, textEngine } from './markup/liquid.ts'
import { applyLook, type Look } from './markup/look.ts'
import { compileMjml } from './markup/mjml.ts'

/** The digest's templates, read and compiled once; parsed once per look, which they remember. */
export type Templates = {
  readonly text: Parsed
  readonly htmlFor: (look: Look) => Parsed
}

/** Where our own templates lie. */
const OWN = fileURLToPath(new URL('../../templates/', import.meta.url))
/** Parsed looks kept, at about 200 kB each: more newsletters than this parse again now and then (3 ms). */
const LOOKS_KEPT = 64

/** Reads and compiles the digest's templates; a file of the same name under `dir` (TEMPLATES_DIR) is taken for ours. */
export async function loadTemplates(options: { readonly dir: string | null }): Promise<Templates> {
  const [html, text] = await Promise.all([
    readTemplate('mail/digest.mjml', options.dir),
    readTemplate('mail/digest.txt', options.dir),
  ])
  const engine = htmlEngine()
  parse(engine, html)
  return { text: parse(textEngine(), text), htmlFor: rememberLooks(engine, html, await compileMjml(html)) }
}

function rememberLooks(engine: Liquid, file: TemplateFile, compiled: string): Templates['htmlFor'] {
  const looks = new Map<string, Parsed>()
  return (look) => {
    const key = `${look.accent} ${look.headlineFont}`
    const known = looks.get(key)
    if (known) return known
    const parsed = parse(engine, file, applyLook(compiled, look))
    const oldest = looks.keys().next().value
    if (looks.size >= LOOKS_KEPT && oldest !== undefined) looks.delete(oldest)
    looks.set(key, parsed)
    return parsed
  }
}

/** The template `name` (`mail/digest.mjml`) as written: the file under `dir` if there is one, else ours. */
export async function readTemplate(name: string, dir: string | null): Promise<TemplateFile> {
  const own = dir === null ? null : await readIfThere(name, join(dir, name))
  const file = own ?? (await readIfThere(name, join(OWN, name)))
  if (file) return file
  throw new CourantError('template.missing', {
    what: `The template ${name} is not there.`,
    why: `It was looked for in ${[dir, OWN].filter((folder) => folder !== null).join(' and ')}.`,
    todo: 'Install Courant again, or put the file there.',
  })
}

async function readIfThere(name: string, path: string): Promise<TemplateFile | null> {
  try {
    return { name, path, source: await readFile(path, 'utf8') }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return null
    throw new CourantError('template.unreadable', {
      what: `The template ${path} cannot be read.`,
      why: cause instanceof Error ? cause.message : undefined,
      todo: 'Let the user that runs Courant read it.',
      cause,
    })
  }
}
