import { describeFaults, inTurn } from './describe.ts'
import { IMPORTING } from './importing.ts'

await describeFaults(IMPORTING, inTurn)
