import { describe, expect, test } from 'vitest'
import { findPgbouncer } from '../support/pgbouncer.ts'
import { findPostgres } from '../support/postgres.ts'
import { openScene, playEvent, playKills, sum } from './play.ts'
import { endScene, type Scene } from './scene.ts'
import { openStage, type Stage } from './stage.ts'

/** `npm run crash` plays many more of the same; here chance is the same every time, but for the instants. */
const SEED = 20_261_124
const hasPostgres = findPostgres() !== null
const hasPgbouncer = hasPostgres && findPgbouncer() !== null
if (hasPostgres && !hasPgbouncer) console.info('PgBouncer was not found: nothing is played behind one')
if (!hasPostgres) console.info('PostgreSQL was not found: only the embedded engine is played')

/** Plays on one engine what the function says; at the end all must be final, and nothing new to anybody. */
async function playOn(engine: Stage['engine'], play: (scene: Scene) => Promise<void>, isPooled = false): Promise<void> {
  const stage = await openStage(engine, isPooled)
  const scene = openScene(stage, SEED, () => {})
  try {
    await play(scene)
    await endScene(scene)
    console.info(`${engine}: ${sum(scene)}`)
  } finally {
    await stage.close()
  }
}

describe('whatever befalls a sending, nobody is left out and each connection repeats one message at most:', () => {
  test('kill -9 on the embedded engine, and of the process that others work through', () =>
    playOn('embedded', async (scene) => {
      await playKills(scene, 5)
      await playEvent(scene, 'holder of the database killed')
    }))

  if (hasPostgres) {
    test('kill -9 on PostgreSQL', () => playOn('postgres', (scene) => playKills(scene, 8)))

    test('a relay that is gone for a second, a database that crashes, a worker that hangs past its lease', () =>
      playOn('postgres', async (scene) => {
        await playEvent(scene, 'relay gone for a second')
        await playEvent(scene, 'database immediate, send')
        await playEvent(scene, 'worker stopped past its lease')
      }))
  }

  if (hasPgbouncer)
    test('kill -9 behind a PgBouncer, one that is restarted, a database behind it that crashes', () =>
      playOn(
        'postgres',
        async (scene) => {
          await playKills(scene, 3)
          await playEvent(scene, 'PgBouncer restarted, send')
          await playEvent(scene, 'PgBouncer restarted, serve')
          await playEvent(scene, 'database immediate, serve')
        },
        true,
      ))

  test('on CI both engines are played, and PostgreSQL also behind PgBouncer', () => {
    expect(hasPgbouncer || process.env.CI !== 'true').toBe(true)
  })
})
