import { parseArgs } from 'node:util'
import { openScene, playEvents, playKills, sum } from './play.ts'
import { endScene } from './scene.ts'
import { openStage, type Stage } from './stage.ts'

/**
 * `npm run crash -- --kills 100 --engine embedded --seed 7`: kills real processes in the middle of their sendings, restarts
 * their database, takes away their relay, and holds against the promises what the relay took and what the rows say. Without
 * `--engine` both are played, side by side, with `--pooler` PostgreSQL behind a PgBouncer; `--events no` leaves it at kills, `--only` names one event. The exit code is 1
 * where a promise was broken.
 */
const options = {
  kills: { type: 'string', default: '100' },
  engine: { type: 'string' },
  pooler: { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' },
  events: { type: 'string', default: 'yes' },
  only: { type: 'string', default: '' },
} as const

const { values } = parseArgs({ options })
const engines = (['embedded', 'postgres'] as const).filter((one) => (values.engine ?? one) === one)
await Promise.all(engines.map(playEngine))

async function playEngine(engine: Stage['engine']): Promise<void> {
  const stage = await openStage(engine, values.pooler)
  const scene = openScene(stage, Number(values.seed), (line) => process.stdout.write(`${line}\n`))
  try {
    await playKills(scene, Number(values.kills))
    if (values.events === 'yes') await playEvents(scene, values.only)
    await endScene(scene)
    scene.say(`${engine}: ${sum(scene)}`)
  } catch (error) {
    scene.say(`${engine}, seed ${values.seed}: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  } finally {
    await stage.close()
  }
}
