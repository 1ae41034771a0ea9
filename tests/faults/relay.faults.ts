import { describe, test } from 'vitest'
import { sendEdition } from '../../src/delivery/worker.ts'
import type { Stage } from '../crash/conversation.ts'
import { openPlaces } from './describe.ts'
import { runScenario, type Scenario } from './scenario.ts'
import { judgeSending, prepareSending } from './sending.ts'

const STAGES: readonly Stage[] = ['greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'half', 'dot', 'replied']
/** The first connection that comes there, one in the middle of the sending, and six in a row. */
const ROWS = [
  { nth: 1, times: 1 },
  { nth: 3, times: 1 },
  { nth: 2, times: 6 },
] as const

/** The relay resets connections as they come to this stage. */
const resetting = (stage: Stage, nth: number, times: number): Scenario => ({
  name: `reset at ${stage}`,
  prepare: async (system) => {
    const { db, relay, sender, clock } = system
    const sent = await prepareSending(system)
    let met = 0
    relay.resets = (at) => {
      if (at !== stage) return false
      met += 1
      return met >= nth && met < nth + times
    }
    return {
      work: (signal) => sendEdition(db, sender, sent.editionId, clock, () => {}, signal),
      judge: async (ending) => {
        relay.resets = () => false
        const broken = met < nth ? ['no connection came there'] : []
        return [...broken, ...(await judgeSending(system, sent, ending))]
      },
    }
  },
})

const places = await openPlaces()

describe.each(STAGES)('a relay that resets the connection at %s', (stage) => {
  test.concurrent.each(ROWS)('from the dialogue $nth on, $times times, leaves nobody out', async ({ nth, times }) => {
    const { broken } = await places.use((place) => runScenario(place, resetting(stage, nth, times), null))
    if (broken.length > 0) throw new Error(broken.join('\n'))
  })
})
