import { asc } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { auditLog } from '../../src/db/schema/audit.ts'
import { openLog } from '../../src/log.ts'
import { newsletterOperations } from '../../src/operations/newsletters.ts'
import type { OperationContext } from '../../src/operations/operation.ts'
import { perform } from '../../src/operations/perform.ts'
import type { Actor } from '../../src/operations/rights.ts'
import { subscriberOperations } from '../../src/operations/subscribers.ts'
import { addTagblatt, NOON, TAGBLATT } from '../subscribers/fixtures.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'

const { db } = await freshDatabase()

const log = openLog('silent')
const config = readConfig({ SECRET: 'x'.repeat(32) })
const context: OperationContext = { db, clock: handClock(NOON), config: () => config, log: () => log }
const CLI: Actor = { kind: 'cli', name: 'mara' }
const editor: Actor = { kind: 'account', name: 'Ines', role: 'editor' }
const viewer: Actor = { kind: 'account', name: 'Vera', role: 'viewer' }

const auditLines = () => db.select().from(auditLog).orderBy(asc(auditLog.id))

describe('performing an operation', () => {
  test('a change leaves one audit line: who, what, on what, and no address', async () => {
    await perform(CLI, newsletterOperations.add, TAGBLATT, context)
    const changed = { newsletter: 'tagblatt', replyTo: 'post@verlag.example', hour: 8 }
    await perform(editor, newsletterOperations.set, changed, context)

    const at = NOON
    expect(await auditLines()).toMatchObject([
      { at, actorKind: 'cli', actorName: 'mara', operation: 'newsletter.add', subject: 'tagblatt', details: {} },
      {
        ...{ at, actorKind: 'account', actorName: 'Ines', operation: 'newsletter.set', subject: 'tagblatt' },
        details: { changed: ['hour', 'replyTo'] },
      },
    ])
    expect(JSON.stringify(await auditLines())).not.toContain('@')
  })

  test('a query leaves no audit line', async () => {
    await addTagblatt(db)
    expect(await perform(viewer, newsletterOperations.list, {}, context)).toMatchObject([{ slug: 'tagblatt' }])
    expect(await auditLines()).toEqual([])
  })

  test('a change that fails leaves neither its rows nor an audit line', async () => {
    await perform(CLI, newsletterOperations.add, TAGBLATT, context)
    const contradiction = { newsletter: 'tagblatt', name: 'Neu', minArticles: 50 }
    await expect(perform(CLI, newsletterOperations.set, contradiction, context)).rejects.toMatchObject({
      code: 'newsletter.invalid',
    })
    expect(await auditLines()).toHaveLength(1)
    expect(await perform(CLI, newsletterOperations.show, {}, context)).toMatchObject({ name: 'Tagblatt' })
  })

  test('a change whose audit line cannot be written is undone', async () => {
    const nameless = { ...CLI, name: 'a\0b' }
    await expect(perform(nameless, newsletterOperations.add, TAGBLATT, context)).rejects.toThrow()
    expect(await perform(CLI, newsletterOperations.list, {}, context)).toEqual([])
  })

  test('a change of several transactions is audited before it begins', async () => {
    await addTagblatt(db)
    await perform(CLI, newsletterOperations.delete, { newsletter: 'tagblatt' }, context)
    await expect(perform(CLI, newsletterOperations.delete, { newsletter: 'tagblatt' }, context)).rejects.toMatchObject({
      code: 'newsletter.unknown',
    })
    expect(await auditLines()).toMatchObject([{ subject: 'tagblatt' }, { subject: 'tagblatt' }])
  })

  test('one error names every wrong field', async () => {
    const wrong = { slug: 'Tag Blatt', hour: 24, accent: 'blue' } as never
    await expect(perform(CLI, newsletterOperations.add, wrong, context)).rejects.toMatchObject({
      code: 'newsletter.invalid',
      fields: [
        { field: 'name', problem: 'is missing' },
        { field: 'hour', problem: 'takes a whole number from 0 to 23' },
        { field: 'accent', problem: 'takes a colour such as #1a5276' },
        { field: 'slug', problem: 'takes 1 to 63 of a–z, 0–9 and hyphens' },
      ],
    })
  })

  test('an actor without the right is refused before the input is looked at', async () => {
    await addTagblatt(db)
    const key: Actor = { kind: 'api-key', name: 'shop', scopes: ['articles.write'] }
    const refused = (right: string) => ({ code: 'right.missing', why: expect.stringContaining(right) })
    const nobody = { newsletter: '' }
    const { pause, delete: remove } = newsletterOperations
    await expect(perform(viewer, pause, nobody, context)).rejects.toMatchObject(refused('newsletters.write'))
    await expect(perform(editor, remove, nobody, context)).rejects.toMatchObject(refused('newsletters.delete'))
    await expect(perform(key, pause, nobody, context)).rejects.toMatchObject(refused('newsletters.write'))
    expect(await auditLines()).toEqual([])
  })

  test('adding a reader is repeated when the connection is lost, and leaves one audit line', async () => {
    await addTagblatt(db)
    let losses = 1
    const losing: OperationContext['db'] = Object.create(db, {
      transaction: {
        value: (work: Parameters<typeof db.transaction>[0]) =>
          db.transaction(async (tx) => {
            const result = await work(tx)
            if (losses-- > 0) throw Object.assign(new Error('lost'), { code: 'ECONNRESET' })
            return result
          }),
      },
    })
    const reader = { email: 'eva@example.com', confirmed: true, evidence: 'card' }
    const added = await perform(CLI, subscriberOperations.add, reader, { ...context, db: losing })
    expect(added).toMatchObject({ kind: 'added', state: 'active' })
    expect(await auditLines()).toMatchObject([
      { operation: 'subscriber.add', subject: 'tagblatt', details: { kind: 'added', confirmed: true } },
    ])
  })
})
