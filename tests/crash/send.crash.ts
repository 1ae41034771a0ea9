import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { copyDatabase } from '../support/database.ts'
import { startSink } from '../support/smtp.ts'
import { makeWorld } from '../support/world.ts'

const READERS = 4000
const CONNECTIONS = 10
/** The send is killed when the sink has had this many messages. */
const KILL_AT = [1, 400, 1500, 2600]

const { url, remove } = await copyDatabase()
afterAll(remove)

describe('kill -9 in the middle of a send', () => {
  test('nobody is left out, at most one message a connection is repeated, and with the same Message-ID', async () => {
    const opened = await openDatabase(url)
    const world = await makeWorld(opened.db)
    await world.addReaders(READERS / 2)
    await world.addReaders(READERS / 2, { locale: 'en' })
    await world.addArticles(12)
    await opened.close()
    const smtp = await startSink()
    const environment = {
      DATABASE_URL: url,
      SMTP_URL: `${smtp.url}?connections=${CONNECTIONS}`,
      BASE_URL: 'https://digest.example.org',
      SECRET: 'a secret of the tests that is long enough',
    }
    const words = ['digest', 'send', '--key', 'crash']
    for (const count of KILL_AT) {
      const { child, ended } = startCommand(words, environment)
      const early = await Promise.race([smtp.received(count), ended])
      if (early !== undefined) throw new Error(`the send ended with ${early.code} before it was killed: ${early.err}`)
      child.kill('SIGKILL')
      await ended
    }
    const report = await runCommand<{ planned: number; sent: number; created: boolean }>(words, environment)
    expect(report).toMatchObject({ planned: READERS, sent: READERS, created: false })

    const copies = Map.groupBy(smtp.messages, (message) => message.to)
    expect(copies.size).toBe(READERS)
    const repeated = [...copies.values()].filter((messages) => messages.length > 1)
    const extra = smtp.messages.length - READERS
    console.info(`${extra} messages repeated after ${KILL_AT.length} kills with ${CONNECTIONS} connections`)
    expect(extra).toBeLessThanOrEqual(KILL_AT.length * CONNECTIONS)
    for (const messages of repeated) expect(new Set(messages.map(({ raw }) => messageId(raw))).size).toBe(1)

    const again = await runCommand<{ sent: number }>(words, environment)
    expect(again.sent).toBe(READERS)
    expect(smtp.messages).toHaveLength(READERS + extra)
    await smtp.close()
  })
})

const messageId = (raw: Buffer) => /^Message-ID: (.*)$/im.exec(raw.toString('latin1'))?.[1]
