import { describeFaults, inTurn } from './describe.ts'
import { PLANNING } from './planning.ts'

await describeFaults(PLANNING, inTurn)
