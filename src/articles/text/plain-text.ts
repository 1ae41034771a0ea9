import { compile } from 'html-to-text'
import { dropInvisible, sanitiseHtml } from './sanitise.ts'

const ignore = { format: 'skip' }
const convert = compile({
  wordwrap: false,
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', ...ignore },
    { selector: 'hr', ...ignore },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: 'ul', options: { itemPrefix: ' ' } },
    ...['table', 'tr', 'th', 'td', 'dt', 'dd'].map((selector) => ({ selector, format: 'block' })),
  ],
})

/** The words of a piece of HTML in one line: no tags, entities decoded, white space folded. */
export function plainText(html: string): string {
  return /[<&]/.test(html) ? plainTextOfClean(sanitiseHtml(html, null)) : foldSpace(html)
}

/** As `plainText`, for HTML that `sanitiseHtml` made: sanitising is most of what reading costs, and is done once. */
export function plainTextOfClean(html: string): string {
  return foldSpace(/[<&]/.test(html) ? convert(html) : html)
}

/** One line of text as it stands: invisible characters and soft hyphens dropped, white space folded. */
export function foldSpace(text: string): string {
  return dropInvisible(text)
    .replace(/[\u00ad\u200b\u2060]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
}
