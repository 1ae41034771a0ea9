import { Command } from 'commander'
import { afterAll, describe, expect, test } from 'vitest'
import type { CommandContext } from '../../src/commands/shared/command-context.ts'
import { registerTick } from '../../src/commands/tick.ts'
import { readConfig } from '../../src/config/config.ts'
import { openLog } from '../../src/log.ts'
import { addEva } from '../scheduler/newsletter-fixtures.ts'
import { MONDAY } from '../scheduler/times.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import { startSink } from '../support/smtp.ts'

const { db } = await freshDatabase()
const smtp = await startSink()
afterAll(smtp.close)

/** Runs `courant tick` on the database as `main` does, with a clock that stands at Monday noon. */
async function tick(...words: string[]): Promise<{ results: unknown[]; texts: string[] }> {
  const results: unknown[] = []
  const texts: string[] = []
  const print = (result: unknown, text: string) => {
    results.push(JSON.parse(JSON.stringify(result)))
    texts.push(text)
  }
  const config = readConfig({ SMTP_URL: `${smtp.url}?connections=1`, SECRET: 'x'.repeat(32) })
  const context: CommandContext = {
    config: () => config,
    log: () => openLog('silent'),
    clock: handClock(MONDAY),
    alignedTo: () => null,
    withDatabase: (use) => use(db),
    print,
    printLine: print,
    warn: () => {},
    progress: async () => ({ update: () => {}, stop: () => {} }),
  }
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  registerTick(program, context)
  await program.parseAsync(['tick', ...words], { from: 'user' })
  return { results, texts }
}

describe('courant tick', () => {
  test('makes one pass at the time it is given, and tells what it did', async () => {
    await addEva(db)
    expect((await tick()).results).toMatchObject([{ planned: [], sent: 0 }])
    const { results, texts } = await tick('--now', '2026-05-05T07:00:00+02:00')
    expect(results).toMatchObject([
      {
        collected: { sources: 0, new: 0 },
        planned: [
          { edition: 1, newsletter: 'tagblatt', frequency: 'daily', slotAt: '2026-05-05T05:00:00Z', planned: 1 },
        ],
        missed: [],
        notices: 0,
        sent: 1,
        deferred: 0,
        failed: 0,
      },
    ])
    expect(texts[0]?.split('\n')).toEqual([
      'Collected 0 sources: 0 new articles, 0 updated, 0 failed.',
      'Planned edition 1 (tagblatt, daily of 2026-05-05T05:00:00Z) for 1 readers.',
      'Sent 0 notices and 1 digests; 0 deferred, 0 failed.',
    ])
  })

  test('refuses a time that is none', async () => {
    await expect(tick('--now', 'tomorrow')).rejects.toMatchObject({ code: 'usage' })
  })
})
