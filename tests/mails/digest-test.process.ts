import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { runCommand, startCommand } from '../support/command.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { makeWorld } from '../support/world.ts'

const EDITOR = 'redaktion@verlag.example'
const { db, url } = await freshDatabase()
const sink = freshSinks()

test('digest test on the command line: one JSON document; a newsletter without imprint is tested all the same, with a warning', async () => {
  const world = await makeWorld(db)
  await world.addArticles(2)
  await db.execute(sql`update newsletter set imprint = null`)
  const smtp = await sink()
  const environment = { DATABASE_URL: url, SMTP_URL: smtp.url, SECRET: 'x'.repeat(32) }
  const report = await runCommand<object>(['digest', 'test', 'morgen', '--to', EDITOR], environment)
  expect(report).toMatchObject({ sent: true, to: EDITOR, articles: 2 })
  const again = await startCommand(['digest', 'test', '--to', EDITOR], environment).ended
  expect(again.err).toMatch(/morgen has no imprint/)
  const wrong = await startCommand(['digest', 'test', '--to', 'nobody', '--json'], environment).ended
  expect(wrong.code).toBe(2)
  expect(smtp.messages).toHaveLength(2)
})
