import { Liquid } from 'liquidjs'
import { describe, expect, test } from 'vitest'
import { shortenPaths } from '../../../src/digest/templates/svg-paths.ts'

const OPTIONS = { strictVariables: true, strictFilters: true, ownPropertyOnly: true }
const SCOPE = {
  title: 'Welt & Technik',
  none: null,
  lead: { title: 'Eins', picture: { alt: 'Ein Bild' }, size: 7 },
  entries: [
    { title: 'a', tags: ['x', 'y'] },
    { title: 'b', tags: [] },
  ],
  key: 'title',
}

/** What a template renders to, or why it does not, with its paths shortened or not. */
function outcome(source: string, shortened: boolean): string {
  const engine = new Liquid({ ...OPTIONS, outputEscape: 'escape' })
  try {
    const templates = engine.parse(source)
    if (shortened) shortenPaths(templates)
    return String(engine.renderSync(templates, SCOPE))
  } catch (error) {
    return error instanceof Error ? error.message : 'no error'
  }
}

describe('shortened paths', () => {
  test.each([
    '{{ title }}, {{ lead.picture.alt }}, {{ none }}',
    '{{ title | upcase }} {{ entries | map: "title" | join: "," }}',
    '{% for entry in entries %}{{ forloop.index }}{{ entry.title }}{{ entry.tags.size }}{{ entry.tags.first }}{% endfor %}',
    '{% for title in entries %}{{ title.title }}{% endfor %}{{ title }}',
    '{% capture lead %}{{ title }}{% endcapture %}{{ lead }}',
    '{% if none %}a{% elsif lead.picture %}b{% else %}c{% endif %}{% unless entries.size > 3 %}d{% endunless %}',
    '{{ lead[key] }} {{ entries[1].title }} {{ entries[0].tags[1] }} {{ lead.size }}',
    '{% if lead.picture and none == nil %}{{ "text" }}{{ 7 }}{% endif %}',
    '{{ lead.nothing }}',
    'line\n{% if lead.nothing.more %}x{% endif %}',
    '{{ none.deeper }}',
    '{{ lead.constructor }}{{ title.toString }}',
    '{{ lead.nothing | default: "other" }}',
  ])('render as written, or fail as written: %s', (source) => {
    expect(outcome(source, true)).toBe(outcome(source, false))
  })
})
