import { invalidTemplate, type TemplateFile } from './liquid.ts'
import { type MjmlResult, runMjml } from './mjml-run.ts'

type MjmlNode = Extract<MjmlResult, { kind: 'compiled' }>['json']

const LIQUID = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g
/** Comments of the author, but not Outlook's conditional ones. */
const COMMENT = /<!--(?!\[if|<!\[endif|>)[\s\S]*?-->/g

/**
 * Compiles MJML to HTML, once for all variants: the Liquid in it is kept and still to be rendered. mjml drops Liquid
 * silently where it stands between its own tags, so each tag of the source must come out again; else, or when mjml's
 * strict validation finds fault, throws `template.invalid` with the line. `run` runs mjml, here or apart.
 */
export async function compileMjml(
  file: TemplateFile,
  run: (source: string) => Promise<MjmlResult> = runMjml,
): Promise<string> {
  const source = file.source.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, ''))
  const include = /<mj-include/.exec(source)
  if (include) {
    throw invalidTemplate(
      file,
      lineAt(source, include.index),
      'mj-include is not read: write the part into the template.',
    )
  }
  const made = await run(source)
  if (made.kind === 'fault') throw invalidTemplate(file, made.line, made.why)
  requireWholeSections(file, made.json)
  const compiled = made.html.replace(/\s*\n\s*/g, '\n').replace(/[ \t]{2,}/g, ' ')
  requireEveryTag(file, source, compiled)
  requireBalancedConditionals(file, compiled)
  return compiled
}

/** Throws `template.invalid` unless Outlook's conditional comments open and close in turn. */
export function requireBalancedConditionals(file: TemplateFile, html: string): void {
  let isOpen = false
  for (const [mark] of html.matchAll(/<!--\[if[^\]]*\]>|<!\[endif\]-->/g)) {
    if (mark.startsWith('<!--[if') === isOpen) {
      throw invalidTemplate(
        file,
        null,
        'A condition cuts through one of Outlook’s conditional comments: condition whole sections.',
      )
    }
    isOpen = !isOpen
  }
  if (isOpen) throw invalidTemplate(file, null, 'One of Outlook’s conditional comments is never closed.')
}

/** A column that is there only at times leaves its width empty, for mjml shares a section's width out when it compiles. */
function requireWholeSections(file: TemplateFile, node: MjmlNode): void {
  for (const child of 'children' in node ? node.children : []) {
    const isBetweenColumns = ['mj-section', 'mj-group'].includes(node.tagName) && child.tagName === 'mj-raw'
    if (isBetweenColumns && 'content' in child && child.content.includes('{%')) {
      const line = 'line' in child && typeof child.line === 'number' ? child.line : null
      throw invalidTemplate(file, line, `${child.content} stands between columns: put it around the whole section.`)
    }
    requireWholeSections(file, child)
  }
}

function requireEveryTag(file: TemplateFile, source: string, compiled: string): void {
  const left = new Map<string, number>()
  for (const [tag] of compiled.matchAll(LIQUID)) left.set(squeeze(tag), (left.get(squeeze(tag)) ?? 0) + 1)
  for (const match of source.matchAll(LIQUID)) {
    const tag = squeeze(match[0])
    const count = left.get(tag) ?? 0
    if (count === 0) {
      const why = `mjml drops ${match[0]} here: put it into <mj-raw>, and use no double quotes in an attribute’s Liquid.`
      throw invalidTemplate(file, lineAt(source, match.index), why)
    }
    left.set(tag, count - 1)
  }
}

function squeeze(tag: string): string {
  return tag.replace(/\s+/g, ' ')
}

function lineAt(source: string, index: number): number {
  return source.slice(0, index).split('\n').length
}
