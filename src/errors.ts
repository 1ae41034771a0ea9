/** The facts of an error a person will read: what is wrong, why, and what to do. */
type ErrorFacts = {
  readonly what: string
  readonly why?: string
  readonly todo?: string
  readonly cause?: unknown
}

/** A broken promise, with a stable code; caught only by the worker, the web's error page and the command line. */
export class CourantError extends Error {
  readonly code: string
  readonly what: string
  readonly why: string | null
  readonly todo: string | null

  constructor(code: string, facts: ErrorFacts) {
    super([facts.what, facts.why].filter(Boolean).join(' '), { cause: facts.cause })
    this.name = 'CourantError'
    this.code = code
    this.what = facts.what
    this.why = facts.why ?? null
    this.todo = facts.todo ?? null
  }
}

/** One field that somebody entered, and what is wrong with it: `takes a whole number from 0 to 23`. */
export type InvalidField = { readonly field: string; readonly problem: string }

/** What somebody entered for a noun is wrong; `fields` names every wrong field. The code is `<noun>.invalid`. */
export class InputError extends CourantError {
  readonly fields: readonly InvalidField[]

  constructor(noun: string, fields: readonly InvalidField[], cause?: unknown) {
    super(`${noun}.invalid`, {
      what: `Invalid ${noun} settings.`,
      why: `Wrong: ${fields.map(({ field, problem }) => `${field} ${problem}`).join('; ')}.`,
      todo: 'Correct these fields and try again.',
      cause,
    })
    this.fields = fields
  }
}

/** What looks like an address, or like the password and host of a URL. RFC 5321 §4.1.2: a local part may be quoted. */
const ADDRESSES = /(?:"[^"]*"|[^\s"'“”„»«<>()[\],;:/]+)@[^\s"'“”„»«<>()[\],;:/]+/g

/** A user name and password in a URL. */
const CREDENTIALS = /(?<=:\/\/)[^\s/?#"'<>]*@/g

/**
 * A URL as somebody wrote it, fit for a message: `…` in the place of a user name and password. Of what is not a URL nothing is
 * shown before its last “@”.
 */
export function maskUrl(text: string): string {
  return /:\/\//.test(text) && URL.canParse(text)
    ? text.replace(CREDENTIALS, '…@')
    : text.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1…@')
}

/**
 * What an unknown error says, fit for a log, a row or the terminal: its first cause, without the values of the statement,
 * which drizzle puts into its message, and with `…` for each address that a database or a package repeats.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof CourantError) return error.message
  if (error instanceof Error && error.cause instanceof Error) return reasonOf(error.cause)
  const text = textOf(error)
  const [words = ''] = text.split('\nparams: ')
  return words.replace(CREDENTIALS, '…@').replace(ADDRESSES, '…')
}

/** Packages throw plain objects too, and make messages of them. */
const NO_TEXT = /^\s*$|\[object \w+\]/

function textOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { message, code, name } = error as Readonly<Record<'message' | 'code' | 'name', unknown>>
  // Node's error of several attempts to connect has a code and no message.
  const said = [message, code, name].find(
    (text) => ['string', 'number'].includes(typeof text) && !NO_TEXT.test(`${text}`),
  )
  return said === undefined ? 'unknown error' : `${said}`
}

/** The code of an error (the SQLSTATE of a failed statement); drizzle puts the driver's error below its own. */
export function codeOf(error: unknown): string | null {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : null
}
