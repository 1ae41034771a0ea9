import { describeFaults } from './describe.ts'
import { sending } from './sending.ts'

await describeFaults([sending])
