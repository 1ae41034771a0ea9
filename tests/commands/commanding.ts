import { readConfig } from '../../src/config/config.ts'
import type { Database } from '../../src/db/client.ts'
import { NOON } from '../subscribers/fixtures.ts'
import { handClock } from '../support/clock.ts'
import { courantOn as courantAt, type Desk } from '../support/command-line.ts'

const CONFIG = readConfig({ MAIL_FROM: 'Haus <haus@verlag.example>', SECRET: 'x'.repeat(32) })

/** Runs command lines on a database as `main` does, with a clock that stands at noon. */
export const courantOn = (db: Database) => courantAt(deskOf(db))

/** What they are run with. */
export const deskOf = (db: Database): Desk => ({ db, config: CONFIG, clock: handClock(NOON) })
