import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { certify } from './certificate.ts'

/** A Postfix of the tests' own on 127.0.0.1 that keeps what it takes in its queue and delivers nothing. */
export type Postfix = {
  readonly port: number
  /** How many messages lie in the queue. */
  readonly held: () => number
  /** The body of a message in the queue, with LF at line ends. */
  readonly bodyOf: (queueId: string) => string
  readonly stop: () => void
}

/** Why no Postfix can be started here, or null. */
export function whyNoPostfix(): string | null {
  if (!existsSync('/usr/sbin/postfix')) return 'Postfix is not installed (apt-get install postfix)'
  return process.getuid?.() === 0 ? null : 'Postfix is started by root only'
}

/** Starts a Postfix with `settings` (lines of main.cf). Throws where there is none. */
export async function startPostfix(settings: readonly string[]): Promise<Postfix> {
  const folder = mkdtempSync(join(tmpdir(), 'courant-postfix-'))
  chmodSync(folder, 0o755)
  for (const name of ['queue', 'data']) mkdirSync(join(folder, name))
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postfix'], { encoding: 'utf8' }))
  chownSync(join(folder, 'data'), idOf('-u'), idOf('-g'))
  const port = await findPort()
  const { key, cert } = certify('localhost')
  writeFileSync(join(folder, 'tls.pem'), key + cert, { mode: 0o600 })
  writeFileSync(join(folder, 'main.cf'), [...mainOf(folder), ...settings, ''].join('\n'))
  writeFileSync(join(folder, 'master.cf'), masterOf(port))
  const run = (...command: readonly string[]) =>
    execFileSync('/usr/sbin/postfix', ['-c', folder, ...command], { stdio: 'pipe' })
  run('start')
  await listening(port)
  return {
    port,
    held: () =>
      readdirSync(join(folder, 'queue', 'hold'), { recursive: true, withFileTypes: true }).filter((e) => e.isFile())
        .length,
    // postcat shows the empty line before the body, too.
    bodyOf: (queueId) =>
      execFileSync('/usr/sbin/postcat', ['-c', folder, '-bq', queueId], { encoding: 'utf8' }).slice(1),
    stop: () => {
      run('stop')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function mainOf(folder: string): readonly string[] {
  return [
    'compatibility_level = 3.6',
    `queue_directory = ${join(folder, 'queue')}`,
    `data_directory = ${join(folder, 'data')}`,
    `maillog_file = ${join(folder, 'log')}`,
    `maillog_file_prefixes = ${folder}`,
    `smtpd_tls_chain_files = ${join(folder, 'tls.pem')}`,
    'inet_interfaces = 127.0.0.1',
    'inet_protocols = ipv4',
    'myhostname = postfix.test',
    'mydestination =',
    'default_transport = discard:',
    'smtpd_relay_restrictions = permit_mynetworks, reject',
    'smtpd_client_restrictions = static:HOLD',
  ]
}

/** Only what taking mail needs, nothing in a jail. */
function masterOf(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
discard unix - - n - - discard
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
`
}

async function findPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // Listening on a port, so neither a path nor null.
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function listening(port: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const answers = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        resolve(true)
        socket.destroy()
      })
      socket.on('error', () => resolve(false))
    })
    if (answers) return
    if (attempt === 100) throw new Error('Postfix does not listen.')
    await pause(100)
  }
}
