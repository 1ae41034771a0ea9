/** The facts of an error a person will read: what is wrong, why, and what to do. */
export type ErrorFacts = {
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
