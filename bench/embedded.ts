import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { addArticles, parseSubmitted } from '../src/articles/submit.ts'
import { systemClock } from '../src/clock.ts'
import { openDatabase } from '../src/db/client.ts'
import { migrateDatabase } from '../src/db/migrate.ts'
import { sendEdition } from '../src/delivery/worker.ts'
import { planEdition } from '../src/editions/plan/plan.ts'
import { makeManualRequest } from '../src/editions/plan-request.ts'
import { addNewsletter } from '../src/newsletters/newsletters.ts'
import { newNewsletter } from '../src/newsletters/settings.ts'
import { signUp } from '../src/subscribers/signup/sign-up.ts'
import { senderTo } from '../tests/support/sender.ts'
import { startSink } from '../tests/support/smtp.ts'

/**
 * Plans and sends a digest to readers on the embedded database, and sends as many mails of the same size by a plain
 * nodemailer pool, to the same sink in the same run: the figures are to be read as a ratio.
 */
const READERS = 2000
const CONNECTIONS = 10
const folder = join(tmpdir(), `courant-bench-${process.pid}`)
const opened = await openDatabase(`pglite://${folder}`)
const now = systemClock.now()
await migrateDatabase(opened.db, now)
const newsletter = await addNewsletter(
  opened.db,
  newNewsletter.parse({ slug: 'bench', name: 'Bench', from: 'Bench <bench@example.org>', imprint: 'Bench, 1 Road' }),
  now,
)
const articles = Array.from({ length: 12 }, (_, at) => ({
  url: `https://example.org/${at}`,
  title: `Headline number ${at} of a day`,
  summary: 'What happened, in one whole sentence. And what it means, in another.',
}))
await addArticles(opened.db, newsletter.id, articles.map(toArticle), now)
await signUp(
  opened.db,
  Array.from({ length: READERS }, (_, at) => reader(at)),
  now,
)
const sink = await startSink()

const planned = await timed(() => planEdition(opened.db, makeManualRequest(newsletter.id, null, null), systemClock))
const sender = await senderTo(`${sink.url}?connections=${CONNECTIONS}`)
const sent = await timed(() => sendEdition(opened.db, sender, planned.result.edition?.id ?? 0, systemClock))
const sample = sink.messages[0]?.raw ?? Buffer.alloc(0)
const html = 'x'.repeat(sample.length)
const pool = createTransport({
  host: '127.0.0.1',
  port: sink.port,
  pool: true,
  maxConnections: CONNECTIONS,
  maxMessages: Number.POSITIVE_INFINITY,
})
const plain = await timed(() =>
  Promise.all(
    Array.from({ length: READERS }, (_, at) =>
      pool.sendMail({
        from: 'bench@example.org',
        to: `reader${at}@example.org`,
        subject: 'Bench',
        text: 'Bench',
        html,
      }),
    ),
  ),
)
pool.close()
const rate = (ms: number) => Math.round(READERS / (ms / 1000))
console.log(`planned ${READERS} readers in ${Math.round(planned.ms)} ms`)
console.log(`sent and accounted ${rate(sent.ms)}/s, plain nodemailer pool without accounting ${rate(plain.ms)}/s`)
console.log(
  `ratio ${(plain.ms / sent.ms).toFixed(2)}, message ${sample.length} octets, resident ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
)
await sink.close()
await opened.close()
rmSync(folder, { recursive: true, force: true })

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startMs = systemClock.monotonicMs()
  const result = await work()
  return { result, ms: systemClock.monotonicMs() - startMs }
}

function toArticle(value: unknown) {
  const given = parseSubmitted(value)
  if (given.kind === 'wrong') throw new RangeError(given.why)
  return given.article
}

function reader(at: number) {
  const schedule = { frequency: null, weekday: null, hour: null, zone: null }
  return {
    newsletterId: newsletter.id,
    address: `reader${at}@example.org`,
    name: null,
    locale: null,
    format: null,
    schedule,
    topics: null,
    by: 'administrator' as const,
    confirmed: { evidence: 'bench', at: now },
  }
}
