import type { Publication } from '../compose/compose.ts'
import type { Templates } from '../templates/templates.ts'
import { checkTemplates } from './check-templates.ts'

/** Publications the templates were found right for; kept as long as these templates. */
const FOUND_RIGHT = new WeakMap<Templates, Set<string>>()

/**
 * `checkTemplates`, which takes 25 ms or more, once for each publication as it is now. Templates never change once they are
 * read: whoever reads changed files has others, and these are checked anew. What is wrong is never remembered.
 */
export function checkTemplatesOnce(templates: Templates, publication: Publication): void {
  const known = FOUND_RIGHT.get(templates) ?? new Set()
  const key = JSON.stringify(publication)
  if (known.has(key)) return
  checkTemplates(templates, publication)
  FOUND_RIGHT.set(templates, known.add(key))
}
