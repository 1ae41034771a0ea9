import manifest from '../../package.json' with { type: 'json' }

/** What `npm start` passes to Node, so that tests and benchmarks start what an operator does. */
export const FLAGS: readonly string[] = manifest.scripts.start.split(' ').filter((word) => word.startsWith('--'))
