import { CONFIRMING } from './confirming.ts'
import { describeFaults } from './describe.ts'

await describeFaults(CONFIRMING)
