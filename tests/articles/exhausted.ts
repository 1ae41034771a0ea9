import { closeSync, openSync } from 'node:fs'
import { collectSources } from '../../src/articles/collect.ts'
import { systemClock } from '../../src/clock.ts'
import '../../src/articles/collect-source.ts'
import { openDatabase } from '../../src/db/client.ts'
import { reasonOf } from '../../src/errors.ts'

/**
 * A process that has used up its file descriptors collects all sources, and again with descriptors; says what came of both. To
 * be run with a low limit.
 */
const opened = await openDatabase(process.argv[2] ?? '', 1)
const options = { clock: systemClock, userAgent: 'Courant/test', allowPrivate: true, sourceIds: null }

const descriptors: number[] = []
try {
  for (;;) descriptors.push(openSync('/dev/null', 'r'))
} catch {
  // None is left.
}
const first = await collectSources(opened.db, options).catch((error: unknown) => reasonOf(error))
for (const descriptor of descriptors) closeSync(descriptor)
const second = await collectSources(opened.db, options)
process.stdout.write(JSON.stringify({ descriptors: descriptors.length > 0, first, second }))
await opened.close()
