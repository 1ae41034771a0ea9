import { describeFaults } from './describe.ts'
import { SENDING } from './sending.ts'

/** Looks again at readers: it comes only where the database takes a second, as it may when the statements are listed. */
const RECHECK = /ReaderCheck|exists \(select from suppression x where x\.email_hash = p\.email_hash\) as suppressed/

/** Of all that `npm run test:faults` tests: a deadlock and a lost connection at every statement of an edition's sending. */
await describeFaults(SENDING.slice(0, 1), (faults) =>
  faults.filter(
    ({ statement, code, times, when }) =>
      times === 1 && (code === '40P01' || (code === 'dropped' && when === 'after')) && !RECHECK.test(statement),
  ),
)
