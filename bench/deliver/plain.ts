import { createTransport } from 'nodemailer'
import { systemClock } from '../../src/clock.ts'

/**
 * What a user of nodemailer writes today, in a process of its own: a pool, and a mail of HTML and text for each reader.
 * The HTML has 53 KB and the text 8 KB; no row is written. `node bench/deliver/plain.ts <port> <messages> <connections>`
 */
const [port, messages, connections] = process.argv.slice(2).map(Number)
const sentence = 'Was geschehen ist, steht in einem ganzen Satz mit Umlauten wie in „Grünflächen“. '
const html = `<!doctype html><html><body>${`<p style="margin: 0 0 16px">${sentence}</p>\n`.repeat(488)}</body></html>`
const text = `${sentence}\n`.repeat(96)
const pool = createTransport({
  host: '127.0.0.1',
  port: port ?? 2525,
  pool: true,
  maxConnections: connections ?? 10,
  maxMessages: Number.POSITIVE_INFINITY,
  ignoreTLS: true,
})
const cpu = process.cpuUsage()
const startMs = systemClock.monotonicMs()
let next = 0
const connection = async () => {
  for (let at = next++; at < (messages ?? 0); at = next++) {
    await pool.sendMail({
      from: 'Der Morgen <redaktion@example.org>',
      to: `leser${at}@example.org`,
      subject: 'Der Morgen',
      headers: { 'List-Unsubscribe': `<https://digest.example.org/unsubscribe/${at}>` },
      html: html.replace('</body>', `<p>leser${at}@example.org</p></body>`),
      text: `${text}leser${at}@example.org`,
    })
  }
}
await Promise.all(Array.from({ length: (connections ?? 10) * 2 }, connection))
const ms = systemClock.monotonicMs() - startMs
const { user, system } = process.cpuUsage(cpu)
pool.close()
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, messages }))
