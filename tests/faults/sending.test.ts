import { describeFaults } from './describe.ts'
import { SENDING } from './sending.ts'

/** Of all that `npm run test:faults` tests: a deadlock and a lost connection at every statement of an edition's sending. */
await describeFaults(SENDING.slice(0, 1), (faults) =>
  faults.filter(
    ({ code, times, when }) => times === 1 && (code === '40P01' || (code === 'dropped' && when === 'after')),
  ),
)
