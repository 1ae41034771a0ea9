import { describeFaults } from './describe.ts'
import { NOTICES_SENT } from './notices.ts'

await describeFaults(NOTICES_SENT)
