import type pg from 'pg'

/** How a statement fails: the server refuses it, or the connection is lost with it. */
export const REFUSED = ['40P01', '40001', '53300', '25006'] as const
export const LOST = ['57P01', '08006'] as const
export type Code = (typeof REFUSED)[number] | (typeof LOST)[number]

/** Whether a failure of this kind ends the connection and whatever transaction is open on it. */
export const isLost = (code: Code): boolean => LOST.some((one) => one === code)

const WORDS = 'planted'

/** Lets the server itself refuse, so that a transaction is really aborted. */
export async function refuse(query: pg.ClientBase['query'], code: Code): Promise<never> {
  await query(`do $$ begin raise exception '${WORDS}' using errcode = '${code}'; end $$`)
  throw new Error('the planted failure did not fail')
}

/** What the driver throws once a connection is gone. */
export const lostConnection = (code: Code): Error => Object.assign(new Error(WORDS), { code })

/** Whether this is what a planted failure came to; the driver's words for a statement on a lost connection included. */
export function isPlanted(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.message === WORDS || isPlanted(error.cause)
}
