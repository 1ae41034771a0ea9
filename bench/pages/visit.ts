import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Visits } from './browsers.ts'

/** Browsers under way; `end` sends them home and says what the pages took since `count`. */
export type Visiting = { readonly count: () => void; readonly end: () => Promise<Visits> }

/** Starts this many browsers on these pages. */
export function visit(origin: string, browsers: number, thinkMs: number, paths: readonly string[]): Visiting {
  const words = [origin, String(browsers), String(thinkMs), paths.join(' ')]
  const child = fork(join(import.meta.dirname, 'browsers.ts'), words, { execArgv: [] })
  return {
    count: () => child.send('count'),
    end: async () => {
      child.send('end')
      const [visits]: Visits[] = await once(child, 'message')
      if (visits === undefined) throw new Error('The browsers say nothing.')
      return visits
    },
  }
}
