import { FAULT_CODES, type Fault, LOSING_CODES, type StatementFacts } from '../support/failing.ts'

/** A fault in words that name a test. */
export const sayFault = ({ statement, nth, times, code, when }: Fault) =>
  `${code} ${times === 1 ? 'once' : `${times} times`} ${when} ${nth === 1 ? '' : `run ${nth} of `}"${shorten(statement)}"`

const LONGEST = 110
const shorten = (statement: string) => (statement.length > LONGEST ? `${statement.slice(0, LONGEST)}…` : statement)

const TIMES = [1, 6] as const

/** All faults there are: each statement with each code, once and six times, before it and, where that matters, after. */
export function listFaults(statements: ReadonlyMap<string, StatementFacts>): readonly Fault[] {
  return [...statements].flatMap(([statement, facts]) =>
    FAULT_CODES.flatMap((code) =>
      TIMES.flatMap((times) => {
        if (code === 'no connection' && !facts.first) return []
        // A server refuses no ROLLBACK.
        if (statement.startsWith('rollback') && !LOSING_CODES.includes(code)) return []
        // One failure comes in the middle of the work, a row of them from its start on.
        const nth = times === 1 ? Math.ceil(facts.count / 2) : 1
        const fault = { statement, nth, times, code }
        const before: Fault = { ...fault, when: 'before' }
        return facts.commits && LOSING_CODES.includes(code) ? [before, { ...fault, when: 'after' } as Fault] : [before]
      }),
    ),
  )
}
