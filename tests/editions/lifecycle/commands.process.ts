import { PassThrough } from 'node:stream'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sayCancelling } from '../../../src/commands/editions.ts'
import { confirmOrAbort } from '../../../src/commands/shared/prompt.ts'
import { editionOperations } from '../../../src/operations/editions.ts'
import type { OperationContext } from '../../../src/operations/operation.ts'
import { runCommand, startCommand } from '../../support/command.ts'
import { openTestDatabase } from '../../support/database.ts'
import { planByHand } from '../../support/planned.ts'
import { makeWorld } from '../../support/world.ts'

const { db, url, close } = await openTestDatabase()
afterAll(close)

const environment = { DATABASE_URL: url, SECRET: 'x'.repeat(32), LOG_LEVEL: 'silent', SMTP_URL: 'smtp://127.0.0.1:1' }
const run = <T>(...words: string[]) => runCommand<T>(words, environment)
const refused = async (...words: string[]) => {
  const { code, out, err } = await startCommand([...words, '--json'], environment).ended
  return { code, out, ...JSON.parse(err).error }
}

let editionId = 0
beforeAll(async () => {
  const world = await makeWorld(db)
  await world.addReaders(3)
  await world.addArticles(2)
  editionId = await planByHand(db, world)
})

describe('on the command line', { timeout: 120_000 }, () => {
  test('pause, hide, resume and cancel print the new state, and fail by the state', async () => {
    const id = String(editionId)
    const counts = { planned: 3, queued: 3 }
    expect(await run('edition', 'pause', id)).toMatchObject({ id: editionId, state: 'paused', counts })
    expect(await run('article', 'hide', '1')).toEqual({
      articles: [{ id: 1, url: expect.any(String), title: 'Nachricht Nummer 1', state: 'hidden' }],
      ...{ editions: [editionId], moved: 3, skipped: 0 },
    })
    expect(await run('edition', 'resume', id)).toMatchObject({ state: 'sending', articles: 1, counts })
    expect(await run('edition', 'cancel', id)).toMatchObject({
      ...{ state: 'cancelled', counts: { planned: 3, queued: 0, cancelled: 3 } },
    })
    expect(await refused('edition', 'resume', id)).toMatchObject({
      ...{ code: 'edition.state', message: expect.stringContaining('is cancelled') },
    })
    expect(await refused('edition', 'pause', 'x')).toMatchObject({ code: 'usage' })
    expect(await refused('edition', 'pause', '4711')).toMatchObject({ code: 'edition.unknown' })
    expect(await refused('article', 'remove', '77')).toMatchObject({ code: 'article.unknown' })
    expect(await refused('article', 'remove', 'eins')).toMatchObject({ code: 'usage' })
    expect(await run('article', 'remove', '1', '2')).toMatchObject({
      articles: [{ state: 'removed' }, { state: 'removed' }],
    })
  })

  test('a paused newsletter is not sent by hand, but a dry run works', async () => {
    expect(await run('newsletter', 'pause', 'morgen')).toMatchObject({ state: 'paused', editions: [] })
    expect(await refused('digest', 'send', 'morgen')).toMatchObject({ code: 'newsletter.paused' })
    expect(await run('digest', 'send', 'morgen', '--dry-run')).toMatchObject({ edition: null })
    expect(await refused('newsletter', 'delete', 'morgen')).toMatchObject({ code: 'usage' })
    expect(await run('newsletter', 'delete', 'morgen', '--yes')).toMatchObject({ readers: 3 })
    expect(await refused('digest', 'send', 'morgen')).toMatchObject({ code: 'newsletter.unknown' })
  })

  test('source set reads the password from standard input and shows none', async () => {
    const { newsletterId, sourceId } = await makeWorld(db, 'abend')
    await db.execute(sql`
      insert into newsletter_source (newsletter_id, source_id, admitted_at, created_at)
      values (${newsletterId}, ${sourceId}, now(), now())`)
    const words = ['source', 'set', String(sourceId), '--username', 'anna', '--password-stdin', '--header', 'X-Key: k1']
    const answer = await runCommand(words, environment, 'geheim\nrest\n')
    expect(answer).toMatchObject({ id: sourceId, hasCredentials: true, headerNames: ['x-key'], state: 'active' })
    expect(JSON.stringify(answer)).not.toMatch(/geheim|k1/)
    const kept = await db.execute(sql`select username, password, headers from source where id = ${sourceId}`)
    const encrypted = expect.stringMatching(/^v1:/)
    expect(kept.rows).toEqual([{ username: 'anna', password: encrypted, headers: { 'x-key': encrypted } }])
    const { out } = await startCommand(['source', 'list'], environment).ended
    expect(out).toMatch(/active\tdue\n/)
    expect(out).not.toMatch(/geheim|k1|anna/)
    expect(await refused('source', 'set', String(sourceId))).toMatchObject({ code: 'usage' })
  })
})

describe('before a command that cannot be undone', () => {
  const terminal = (answer: string | null) => {
    const input = Object.assign(new PassThrough(), { isTTY: true })
    const output = Object.assign(new PassThrough(), { isTTY: true })
    input.end(answer ?? '')
    return { input, output }
  }

  test('the prompt on a terminal names the numbers', async () => {
    const affected = () => editionOperations.affected.run({ db } as OperationContext, { edition: editionId })
    expect(sayCancelling(await affected())).toBe('Stop the send? 0 of 3 readers have it; 0 will not get it.')
    await db.execute(sql`update batch set to_seq = 12300, sent = 4120, cancelled = 0`)
    const question = sayCancelling(await affected())
    expect(question).toBe('Stop the send? 4,120 of 12,300 readers have it; 8,180 will not get it.')
    const asked = terminal('y\n')
    await confirmOrAbort(question, asked)
    expect(String(asked.output.read())).toBe(`${question} [y/N] `)
  })

  test.each(['n\n', '\n', 'yesterday\n', null])('%j is no', async (answer) => {
    await expect(confirmOrAbort('Really?', terminal(answer))).rejects.toMatchObject({ code: 'declined' })
  })

  test('there is no prompt in a pipe', async () => {
    const { input, output } = terminal(null)
    await confirmOrAbort('Really?', { input: Object.assign(input, { isTTY: false }), output })
    expect(output.read()).toBeNull()
  })
})
