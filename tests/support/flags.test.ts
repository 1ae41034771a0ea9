import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { FLAGS } from './flags.ts'

const flagsIn = (text: string) => text.match(/--[a-z0-9-]+(=\w+)?/g) ?? []
const fileOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

describe('the flags that keep memory small', () => {
  test.each(['demo', 'crash', 'bench', 'simulate'] as const)(
    'are the same in "npm run %s" as in "npm start"',
    (script) => {
      expect(flagsIn(manifest.scripts[script])).toEqual(FLAGS)
    },
  )

  test('are those of "npx courant", and those a service file is to have', () => {
    expect(flagsIn(fileOf('src/cli.ts').split('\n', 1).join())).toEqual(FLAGS)
    const [memory = ''] = fileOf('docs/operating.md').split('## Memory').slice(1)
    expect(flagsIn(memory.split('\n## ', 1).join())).toEqual(
      FLAGS.filter((flag) => flag.includes('size') || flag.includes('percent')),
    )
  })
})
