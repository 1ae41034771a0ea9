import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CourantError } from '../../errors.ts'
import { DEMO_PUBLICATIONS, type DemoPublication } from './publication.ts'

/** An article as the content folder holds it: text in plain words, but for the body, which is HTML. */
export type DemoArticle = {
  readonly publication: DemoPublication
  readonly slug: string
  readonly title: string
  readonly summary: string
  readonly bodyHtml: string
  readonly author: string
  readonly topics: readonly string[]
  /** `name` is that of a PNG in `content/pictures`, 800 × 450 pixels. */
  readonly picture: { readonly name: string; readonly alt: string } | null
  readonly appears: Appearance
}

/** Out at the start, with an age; or held back, to come out one after the other in this order. */
type Appearance =
  | { readonly kind: 'published'; readonly minutesAgo: number }
  | { readonly kind: 'held'; readonly order: number }

const FOLDER = join(import.meta.dirname, '..', 'content', 'articles')

/**
 * Reads the bundled articles of all publications.
 *
 * @throws CourantError `demo.content` naming the file in which a field is missing or wrong.
 */
export async function readArticles(): Promise<DemoArticle[]> {
  const read = await Promise.all(DEMO_PUBLICATIONS.map(readFolder))
  return read.flat()
}

async function readFolder(publication: DemoPublication): Promise<DemoArticle[]> {
  const folder = join(FOLDER, publication.slug)
  const names = (await readdir(folder)).filter((name) => name.endsWith('.md')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return names.map((name, index) => parseArticle(publication, name.slice(0, -'.md'.length), texts[index]!))
}

/**
 * Reads one file: lines of `field: value`, an empty line, then paragraphs parted by empty lines.
 *
 * @throws CourantError `demo.content`.
 */
export function parseArticle(publication: DemoPublication, slug: string, text: string): DemoArticle {
  const [head = '', ...blocks] = text.trim().split(/\n{2,}/)
  const fields = new Map(head.split('\n').map(splitField))
  const field = (name: string) => fields.get(name) ?? missing(publication, slug, name)
  const picture = fields.get('picture')
  return {
    publication,
    slug,
    title: field('title'),
    summary: field('summary'),
    bodyHtml: blocks.map(toHtml).join('\n'),
    author: field('author'),
    topics: field('topics').split(/,\s*/),
    picture: picture === undefined ? null : { name: picture, alt: field('alt') },
    appears: fields.has('held')
      ? { kind: 'held', order: Number(field('held')) }
      : { kind: 'published', minutesAgo: Number(field('minutesAgo')) },
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

function toHtml(block: string): string {
  return block.startsWith('<') ? block : `<p>${block}</p>`
}

function missing(publication: DemoPublication, slug: string, name: string): never {
  throw new CourantError('demo.content', {
    what: `The demo article ${publication.slug}/${slug}.md has no ${name}.`,
    todo: `Add a line "${name}: …" above the first empty line.`,
  })
}
