import { describeFaults } from './describe.ts'
import { IMPORTING } from './importing.ts'

await describeFaults(IMPORTING)
