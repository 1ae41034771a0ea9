import { systemClock } from '../../src/clock.ts'
import { openDatabase } from '../../src/db/client.ts'
import { sendEdition } from '../../src/delivery/worker.ts'
import { senderTo } from '../../tests/support/sender.ts'

/**
 * One worker in a process of its own: sends what is queued of an edition and says what it took.
 * `node bench/deliver/courant.ts <database url> <relay url> <edition id>`
 */
const [url = '', relay = '', editionId = ''] = process.argv.slice(2)
const opened = await openDatabase(url)
const sender = await senderTo(relay)
const cpu = process.cpuUsage()
const startMs = systemClock.monotonicMs()
const tenths: { readonly atMs: number; readonly residentMb: number }[] = []
const total = Number(process.argv[5] ?? 0)
let accounted = 0
await sendEdition(opened.db, sender, Number(editionId), systemClock, () => {
  accounted += 1
  if (total > 0 && accounted % (total / 10) === 0) tenths.push({ atMs: elapsed(), residentMb: residentMb() })
})
const { user, system } = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    ms: elapsed(),
    cpuMs: (user + system) / 1000,
    messages: accounted,
    residentMb: residentMb(),
    tenths,
  }),
)
await opened.close()

function elapsed(): number {
  return systemClock.monotonicMs() - startMs
}

function residentMb(): number {
  return Math.round(process.memoryUsage().rss / 1e6)
}
