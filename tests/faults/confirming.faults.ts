import { CONFIRMING } from './confirming.ts'
import { describeFaults, inTurn } from './describe.ts'

await describeFaults(CONFIRMING, inTurn)
