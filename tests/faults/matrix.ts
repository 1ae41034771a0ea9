import { FAULT_CODES, type Fault, LOSING_CODES, type StatementFacts } from '../support/failing.ts'

/** A fault in words that name a test. */
export const sayFault = ({ statement, nth, times, code, when }: Fault) =>
  `${code} ${times === 1 ? 'once' : `${times} times`} ${when} ${nth === 1 ? '' : `run ${nth} of `}"${shorten(statement)}"`

const LONGEST = 110
const shorten = (statement: string) => (statement.length > LONGEST ? `${statement.slice(0, LONGEST)}…` : statement)

const TIMES = [1, 6] as const

/**
 * Of these faults those with which each statement fails with each code, and in turn once and six times: within a transaction
 * what fails is undone whichever it is.
 */
export function takeTurns(faults: readonly Fault[]): readonly Fault[] {
  const statements = [...new Set(faults.map(({ statement }) => statement))]
  const turnOf = ({ statement, code, when }: Fault) =>
    statements.indexOf(statement) + FAULT_CODES.indexOf(code) + (when === 'after' ? 1 : 0)
  return faults.filter((fault) => turnOf(fault) % 2 === (fault.times === 1 ? 0 : 1))
}

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
