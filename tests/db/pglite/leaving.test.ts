import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { openEmbedded } from '../../../src/db/pglite/embedded.ts'
import { copyDatabase } from '../../support/database.ts'

const STARTUP = message('', Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1'))

/** A message of the PostgreSQL protocol; the first one has no type. */
function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}

const query = (text: string) => message('Q', Buffer.from(`${text}\0`))

describe.runIf(inject('database').kind === 'embedded')('clients of the embedded database that break off', () => {
  test.each([
    ['in the middle of an answer', query("select repeat('x', 100000) from generate_series(1, 200)")],
    ['in the middle of a transaction', query('begin; select 1')],
    ['before their first word', Buffer.alloc(0)],
    ['with a message cut short', query('select 1').subarray(0, 7)],
  ])('%s are not waited for', async (_, words) => {
    const { url, remove } = await copyDatabase()
    const embedded = await openEmbedded(url.slice('pglite://'.length))
    for (let client = 0; client < 20; client++) {
      const socket = connect(join(embedded.socketFolder, '.s.PGSQL.5432'))
      await once(socket, 'connect')
      socket.on('error', () => {})
      socket.write(STARTUP)
      if (client % 2 === 0) await once(socket, 'data')
      socket.write(words)
      if (client % 3 < 2) socket.destroy()
      else socket.end(message('X', Buffer.alloc(0)))
    }
    await embedded.close()
    remove()
    expect(embedded.holder).toBe(true)
  })

  test('a holder whose patience is at an end cuts off who stays', async () => {
    const { url, remove } = await copyDatabase()
    const embedded = await openEmbedded(url.slice('pglite://'.length), 'alone', 0)
    const socket = connect(join(embedded.socketFolder, '.s.PGSQL.5432'))
    socket.write(STARTUP)
    await once(socket, 'data')
    const cutOff = once(socket.resume(), 'close')
    await Promise.all([embedded.close(), cutOff])
    remove()
  })
})
