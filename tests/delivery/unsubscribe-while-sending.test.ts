import { beforeEach, expect, test } from 'vitest'
import { sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import { signLink } from '../../src/subscribers/tokens.ts'
import { undoUnsubscribe } from '../../src/subscribers/unsubscribe/undo.ts'
import { unsubscribe } from '../../src/subscribers/unsubscribe/unsubscribe.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import type { Sink } from '../support/smtp.ts'
import { makeWorld, NOON, type World } from '../support/world.ts'

const { db } = await freshDatabase()
const sink = freshSinks()
const READERS = 120
const EVIDENCE = { shown: 'Abbestellen', textVersion: '1', ip: null, userAgent: null }

let smtp: Sink
let world: World
let readers: readonly number[]
const clock = handClock(NOON)

beforeEach(async () => {
  smtp = await sink()
  world = await makeWorld(db)
  await world.addArticles(3)
  readers = await world.addReaders(READERS)
})

/** Sends over one connection, and does `meanwhile` while the first message waits for its reply. */
async function sendWhile(meanwhile: (editionId: number) => Promise<unknown>) {
  const sender = await senderTo(`${smtp.url}?connections=1`)
  const editionId = await planByHand(db, world, clock)
  smtp.hold()
  const sending = sendEdition(db, sender, editionId, clock)
  await smtp.received(1)
  await meanwhile(editionId)
  smtp.release()
  await sending
  return { counts: await countDeliveries(db, editionId), sender }
}

const linkKeys = (await senderTo('smtp://127.0.0.1:1')).context.linkKeys
const tokenOf = (id: number, purpose: 'unsubscribe') => signLink(linkKeys, purpose, { id, version: 1 })

test('a reader who unsubscribes during a send, before their message, gets nothing; the others do; the counts add up', async () => {
  const unsubscribing = readers.slice(60, 70)
  const { counts } = await sendWhile(async () => {
    for (const id of unsubscribing)
      await unsubscribe(db, linkKeys, tokenOf(id, 'unsubscribe'), { all: false }, EVIDENCE, clock.now())
  })
  expect(counts).toMatchObject({
    planned: READERS,
    sent: READERS - unsubscribing.length,
    skipped: unsubscribing.length,
    failed: 0,
  })
  const reached = new Set(smtp.messages.map(({ to }) => to))
  expect(smtp.messages).toHaveLength(READERS - unsubscribing.length)
  expect(unsubscribing.filter((id) => reached.has(`leser${readers.indexOf(id) + 1}@morgen.example`))).toEqual([])
})

test('a reader who unsubscribes during a send and undoes it gets the same articles with the next one, once', async () => {
  const readerId = readers[READERS - 1] ?? 0
  let undoToken: string | null = null
  const { sender } = await sendWhile(async () => {
    const unsubscribed = await unsubscribe(
      db,
      linkKeys,
      tokenOf(readerId, 'unsubscribe'),
      { all: false },
      EVIDENCE,
      clock.now(),
    )
    undoToken = unsubscribed?.undoToken ?? null
  })
  const before = smtp.messages.length
  await undoUnsubscribe(db, linkKeys, undoToken ?? '', EVIDENCE, clock.now())
  for (let again = 0; again < 2; again++) {
    const editionId = await planByHand(db, world, clock)
    if (editionId !== 0) await sendEdition(db, sender, editionId, clock)
  }
  expect(smtp.messages.slice(before).map(({ to }) => to)).toEqual([`leser${READERS}@morgen.example`])
})
