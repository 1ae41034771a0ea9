import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRss } from './feeds.ts'
import { makePayload } from './hostile-payloads.ts'

const TRICKLE_MS = 200

/**
 * Serves payloads at /0, /1, … of as many hosts of loopback, 127.2.0.1 and on, since those of one host are fetched one after
 * another; at /healthy a feed like any. All are made and put on the disk before it sends its port, since making them takes
 * time: `server.ts <hosts> <payloads> <seed> <scale>`, a process of its own.
 */
const [hosts = 1, payloads = 1, seed = 1, scale = 1] = process.argv.slice(2).map(Number)
const HEALTHY = writeRss([{ guid: '1', link: 'https://kurier.example/1', title: 'Nachricht' }])
const folder = mkdtempSync(join(tmpdir(), 'courant-payloads-'))
const answers = Array.from({ length: payloads }, (_, n) => {
  const { headers, body, isTrickle } = makePayload(n, seed, scale).reply
  const file = join(folder, String(n))
  writeFileSync(file, body)
  return { headers, file, trickling: isTrickle === true ? body : null }
})
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
let port = 0
for (let n = 1; n <= hosts; n += 1) {
  const server = createServer(answer)
  await new Promise<void>((listening) => server.listen(port, `127.2.0.${n}`, listening))
  port = (server.address() as AddressInfo).port
}
process.send?.(port)
process.on('disconnect', () => process.exit())

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '/'
  if (path === '/healthy') {
    response.end(HEALTHY)
    return
  }
  const found = answers[Number(path.slice(1))]
  response.writeHead(found === undefined ? 404 : 200, found?.headers)
  if (found === undefined) response.end()
  else if (found.trickling !== null) trickle(response, found.trickling)
  else createReadStream(found.file).pipe(response)
}

function trickle(response: ServerResponse, body: Buffer): void {
  let at = 0
  const more = setInterval(() => response.write(body.subarray(at, ++at)), TRICKLE_MS)
  response.once('close', () => clearInterval(more))
}
