import { Liquid, type Template } from 'liquidjs'
import { CourantError } from '../../errors.ts'
import { underline, wrap } from '../../locale/wrap-text.ts'
import { withoutTags } from '../compose/subject.ts'
import { shortenPaths } from './svg-paths.ts'

/** A template as written: `name` as in `mail/digest.mjml`, `path` where it lies. */
export type TemplateFile = { readonly name: string; readonly path: string; readonly source: string }

/** A parsed template, and the file its errors are told of. */
export type ParsedTemplate = { readonly file: TemplateFile; readonly engine: Liquid; readonly templates: Template[] }

const STRICT = { strictVariables: true, strictFilters: true, ownPropertyOnly: true, relativeReference: false, root: [] }
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '{': '&#123;',
}

/** Liquid for HTML: every output is escaped, and an output `{{` or `{%` can never be read as Liquid again. */
export function htmlEngine(): Liquid {
  return new Liquid({ ...STRICT, outputEscape: escapeHtml })
}

/** Liquid for plain text, with `wrap` (72 columns, then blanks before each further line) and `underline: '-'`. */
export function textEngine(): Liquid {
  const inert = (value: unknown) => withoutTags(String(value ?? ''))
  const engine = new Liquid({ ...STRICT, outputEscape: inert })
  engine.registerFilter('wrap', (text: unknown, indent: unknown) => wrap(inert(text), undefined, Number(indent ?? 0)))
  engine.registerFilter('underline', (text: unknown, mark: unknown) => underline(inert(text), String(mark ?? '-')))
  return engine
}

/** Parses `source` (the file's own text, or what was compiled from it); a fault throws `template.invalid` with its line. */
export function parse(engine: Liquid, file: TemplateFile, source = file.source): ParsedTemplate {
  try {
    const templates = engine.parse(source)
    shortenPaths(templates)
    return { file, engine, templates }
  } catch (cause) {
    throw invalidTemplate(file, lineOf(cause), messageOf(cause), cause)
  }
}

/** Renders; a variable that does not exist throws `template.invalid` with the line in the file as written. */
export function render(parsed: ParsedTemplate, scope: object): string {
  try {
    return String(parsed.engine.renderSync(parsed.templates, scope))
  } catch (cause) {
    throw invalidTemplate(parsed.file, lineInFile(parsed, scope), messageOf(cause), cause)
  }
}

/** The error of a template that cannot be used, for a person to mend. */
export function invalidTemplate(file: TemplateFile, line: number | null, why: string, cause?: unknown): CourantError {
  return new CourantError('template.invalid', {
    what: `The template ${file.name} cannot be used${line === null ? '' : `: line ${line}`}.`,
    why,
    todo: `Correct ${file.path}${line === null ? '' : ` in line ${line}`}.`,
    cause,
  })
}

/** Escapes for HTML text and quoted attributes. */
export function escapeHtml(value: unknown): string {
  return String(value ?? '').replace(/[&<>"']|\{(?=[{%])/g, (character) => ESCAPES[character] ?? character)
}

/** A compiled template has other lines than its file: the file's text, rendered likewise, fails at the same place. */
function lineInFile({ file, engine }: ParsedTemplate, scope: object): number | null {
  try {
    engine.parseAndRenderSync(file.source, scope)
    return null
  } catch (error) {
    return lineOf(error)
  }
}

function lineOf(error: unknown): number | null {
  const line =
    error instanceof Error ? /, line:(\d+), col:\d+$/.exec(error.message.split('\n')[0] ?? '')?.[1] : undefined
  return line === undefined ? null : Number(line)
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return 'It failed for an unknown reason.'
  const message = (error.message.split('\n')[0] ?? '').replace(/(, file:.*)?, line:\d+, col:\d+$/, '')
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
}
