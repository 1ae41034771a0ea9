import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A sink that takes every message and forgets it. */
export type BenchSink = {
  readonly name: 'smtp-sink' | 'fast sink'
  readonly port: number
  /** Ends it; the fast sink says how many messages it took. */
  readonly close: () => Promise<number | null>
}

/** Postfix's sink, on this port. It does not run as root. */
export async function startSmtpSink(port: number): Promise<BenchSink> {
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  return sinkOf('smtp-sink', port, spawn('smtp-sink', [...asNobody, `127.0.0.1:${port}`, '1000']))
}

/** The sink beside this file, compiled with cc. */
export async function startFastSink(port: number): Promise<BenchSink> {
  const program = join(mkdtempSync(join(tmpdir(), 'courant-sink-')), 'fastsink')
  execFileSync('cc', ['-O2', '-o', program, join(import.meta.dirname, 'fastsink.c')])
  return sinkOf('fast sink', port, spawn(program, [String(port)]))
}

async function sinkOf(name: BenchSink['name'], port: number, child: ChildProcess): Promise<BenchSink> {
  let said = ''
  child.stdout?.on('data', (text) => {
    said += text
  })
  const gone = new Promise<never>((_, refuse) => child.once('error', refuse))
  await Promise.race([untilAnswering(port), gone])
  gone.catch(() => {})
  return {
    name,
    port,
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve(said === '' ? null : Number(said)))
        child.kill('SIGTERM')
      }),
  }
}

async function untilAnswering(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const heard = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (heard) return
    await pause(50)
  }
  throw new Error(`Nobody listens on port ${port}.`)
}
