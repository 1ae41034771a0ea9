import { describeFaults } from './describe.ts'
import { SENDING } from './sending.ts'

await describeFaults(SENDING)
