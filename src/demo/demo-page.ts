import { join } from 'node:path'
import { Liquid } from 'liquidjs'

const liquid = new Liquid({
  root: join(import.meta.dirname, 'content', 'pages'),
  extname: '.liquid',
  cache: true,
  outputEscape: 'escape',
  strictFilters: true,
  strictVariables: true,
})

/** Renders a template of `content/pages`; what it shows is escaped, an unknown variable throws. */
export function renderDemoPage(name: string, view: object): string {
  return liquid.renderFileSync(name, view)
}
