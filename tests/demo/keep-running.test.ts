import { pino } from 'pino'
import { fetch } from 'undici'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { CommandContext } from '../../src/commands/shared/command-context.ts'
import { readConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/db/client.ts'
import { keepRunning } from '../../src/demo/keep-running.ts'
import { startMailbox } from '../../src/demo/mailbox/mailbox-server.ts'
import { startPublications } from '../../src/demo/press/publications.ts'
import { findPort } from '../../src/demo/serve-pages.ts'
import { copyDatabase } from '../support/database.ts'

test('a demo whose first digest fails ends, with its server and all', async () => {
  const { url: databaseUrl, remove } = await copyDatabase()
  const now = systemClock.now()
  const [publications, mailbox, opened] = await Promise.all([
    startPublications({ now }),
    startMailbox({ now: systemClock.now }),
    openDatabase(databaseUrl),
  ])
  const port = await findPort(0, '127.0.0.1')
  const config = readConfig({
    DATABASE_URL: databaseUrl,
    SMTP_URL: mailbox.smtpUrl,
    BASE_URL: `http://127.0.0.1:${port}`,
    SECRET: 'a secret of the tests that is long enough',
    PORT: String(port),
  })
  const log = pino({ level: 'silent' })
  const context: Pick<CommandContext, 'log' | 'clock' | 'print'> = {
    log: () => log,
    clock: systemClock,
    print: () => {},
  }
  const close = async () => {}
  const collect = async () => {}
  const running = { opened, databaseUrl, newsletter: 'n', publications, mailbox, collect, close }

  const served: number[] = []
  const fail = async () => {
    served.push((await fetch(`${config.baseUrl}/healthz`)).status)
    throw new Error('no digest')
  }
  await expect(keepRunning(context, running, config, fail, new Promise(() => {}))).rejects.toThrow('no digest')

  expect(served).toEqual([200])
  await expect(fetch(`${config.baseUrl}/healthz`)).rejects.toThrow()
  await Promise.all([publications.close(), mailbox.close(), opened.close()])
  await remove()
})
