import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Liquid } from 'liquidjs'
import { CourantError, reasonOf } from '../../errors.ts'
import { applyBranding, type Branding, brandingKey } from '../../newsletters/branding/branding.ts'
import { htmlEngine, type ParsedTemplate, parse, type TemplateFile, textEngine } from './liquid.ts'
import { compileMjml } from './mjml.ts'
import { type MjmlResult, runMjml } from './mjml-run.ts'

/** One kind of mail: its text, and its HTML in a newsletter's colours and font. */
type MailTemplate = {
  readonly text: ParsedTemplate
  readonly htmlFor: (branding: Branding) => ParsedTemplate
}

/** The templates of all mails, read and compiled once; their HTML is parsed once per branding, which they remember. */
export type Templates = {
  readonly digest: MailTemplate
  /** The mail that asks for confirmation, and its reminder. */
  readonly confirmation: MailTemplate
}

/** Where our own templates lie. */
const OWN = fileURLToPath(new URL('../../../templates/', import.meta.url))
/** Parsed looks kept, at about 200 kB each: more newsletters than this parse again now and then (3 ms). */
const LOOKS_KEPT = 64

/** Where templates are; `inSubprocess` compiles them in a process of its own, for one that is to run long and small. */
type TemplateOptions = { readonly dir: string | null; readonly inSubprocess?: boolean }

/** Reads and compiles all templates; a file of the same name under `dir` (TEMPLATES_DIR) is taken for ours. */
export async function loadTemplates(options: TemplateOptions): Promise<Templates> {
  const [digest, confirmation] = await Promise.all([loadMail('digest', options), loadMail('confirmation', options)])
  return { digest, confirmation }
}

async function loadMail(kind: keyof Templates, { dir, inSubprocess = false }: TemplateOptions): Promise<MailTemplate> {
  const [html, text] = await Promise.all([
    readTemplate(`mail/${kind}.mjml`, dir),
    readTemplate(`mail/${kind}.txt`, dir),
  ])
  const engine = htmlEngine()
  parse(engine, html)
  const compiled = await compileMjml(html, inSubprocess ? runMjmlInSubprocess : runMjml)
  return { text: parse(textEngine(), text), htmlFor: rememberLooks(engine, html, compiled) }
}

function rememberLooks(engine: Liquid, file: TemplateFile, compiled: string): MailTemplate['htmlFor'] {
  const looks = new Map<string, ParsedTemplate>()
  return (branding) => {
    const key = brandingKey(branding)
    const known = looks.get(key)
    if (known) return known
    const parsed = parse(engine, file, applyBranding(compiled, branding))
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

/** The folders mail templates are read from, one's own first. */
export function templateFolders(dir: string | null): readonly string[] {
  return [...(dir === null ? [] : [dir]), OWN].map((folder) => join(folder, 'mail'))
}

async function readIfThere(name: string, path: string): Promise<TemplateFile | null> {
  try {
    return { name, path, source: await readFile(path, 'utf8') }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return null
    throw new CourantError('template.unreadable', {
      what: `The template ${path} cannot be read.`,
      why: reasonOf(cause),
      todo: 'Let the user that runs Courant read it.',
      cause,
    })
  }
}

const PROGRAM = fileURLToPath(new URL('./mjml-program.ts', import.meta.url))
const FLAGS = ['--disable-warning=ExperimentalWarning']

/**
 * Runs mjml in a process of its own, which takes its memory along: a worker that runs for weeks would else keep 35 MB of
 * it, and a thread gives none back.
 */
async function runMjmlInSubprocess(source: string): Promise<MjmlResult> {
  const child = spawn(process.execPath, [...FLAGS, PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  // One that dies early says so by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(source)
  const said = await text(child.stdout)
  const [code] = await ended
  if (code !== 0) throw new Error(`mjml ended with ${code}`)
  return JSON.parse(said)
}
