import { CourantError } from '../../errors.ts'
import { composeDigest, type DigestView } from '../compose/compose.ts'

/** Mail programs cut a message's HTML at 102 KB; readers' own values and headers have the rest. */
export const MAX_HTML_BYTES = 95_000

/** A view, and the HTML it renders to. */
type Fitted = { readonly view: DigestView; readonly html: string }

/**
 * The largest form of a digest whose HTML fits the budget: full entries become headlines, then headlines join the number
 * that links to the page of all. Throws `digest.tooLarge` when intro and imprint alone do not fit.
 */
export function fitBudget(view: DigestView, renderHtml: (view: DigestView) => string): Fitted {
  const whole = attempt(view, renderHtml)
  if (fits(whole)) return whole
  const steps = smallerSteps(view)
  let best: Fitted | null = null
  for (let low = 0, high = steps.length - 1; low <= high; ) {
    const middle = (low + high) >> 1
    const fitted = attempt(composeDigest({ ...view.input, ...steps[middle] }), renderHtml)
    if (fits(fitted)) {
      best = fitted
      high = middle - 1
    } else {
      low = middle + 1
    }
  }
  if (best) return best
  throw new CourantError('digest.tooLarge', {
    what: `The digest of "${view.newsletter.slug}" does not fit into ${MAX_HTML_BYTES / 1000} KB, even without articles.`,
    why: 'Mail programs cut longer messages off, and with them the link to unsubscribe.',
    todo: 'Shorten the intro, the imprint or the template.',
  })
}

/** Ever smaller forms: one full entry less each time, and at last fewer headlines. */
function smallerSteps({
  full,
  input,
}: DigestView): Pick<Required<DigestView['input']>, 'fullEntries' | 'maxHeadlines'>[] {
  const most = input.maxHeadlines ?? Number.POSITIVE_INFINITY
  return [
    ...Array.from({ length: full }, (_, step) => ({ fullEntries: full - 1 - step, maxHeadlines: most })),
    ...[50, 40, 30, 20, 15, 10, 5, 0]
      .filter((kept) => kept < most)
      .map((maxHeadlines) => ({ fullEntries: 0, maxHeadlines })),
  ]
}

function attempt(view: DigestView, renderHtml: (view: DigestView) => string): Fitted {
  return { view, html: renderHtml(view) }
}

function fits({ html }: Fitted): boolean {
  return Buffer.byteLength(html) < MAX_HTML_BYTES
}
