import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { copyDatabase } from '../support/database.ts'

const SCRIPT = new URL('./plan-once.ts', import.meta.url).pathname

async function planIn(zone: string): Promise<{ zone: number; slots: { slot: string }[]; received: number[][][] }> {
  const { url, remove } = await copyDatabase()
  try {
    const flags = ['--disable-warning=ExperimentalWarning', SCRIPT, url]
    const environment = { PATH: process.env.PATH ?? '', TZ: zone }
    const { stdout } = await promisify(execFile)(process.execPath, flags, { env: environment })
    return JSON.parse(stdout)
  } finally {
    remove()
  }
}

test('slots do not depend on the time zone the process runs in', async () => {
  const zones = ['UTC', 'Pacific/Kiritimati', 'America/St_Johns']
  const [utc, ...others] = await Promise.all(zones.map(planIn))
  expect([utc, ...others].map((one) => one?.zone)).toEqual([0, 640, 210])
  expect(utc?.slots.map(({ slot }) => slot)).toEqual([
    '2026-03-29T01:00:00Z',
    '2026-03-29T02:30:00Z',
    '2026-03-30T00:00:00Z',
    '2026-03-30T01:00:00Z',
  ])
  for (const other of others) expect({ ...other, zone: 0 }).toEqual(utc)
}, 120_000)
