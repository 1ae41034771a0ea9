import { pino } from 'pino'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { openSender } from '../../src/delivery/open-sender.ts'

async function warningsOf(smtpUrl: string): Promise<readonly object[]> {
  const lines: object[] = []
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) })
  await openSender(readConfig({ SECRET: 'x'.repeat(32), SMTP_URL: smtpUrl }), log)
  return lines
}

test('a warning names each relay whose password others could read, without the password', async () => {
  const elsewhere = 'smtp://user:sec-ret@mail.example.org:587'
  const warnings = await warningsOf(`${elsewhere}?tls=try,smtp://b:sec-ret@10.0.0.7?tls=off,${elsewhere}`)
  expect(warnings).toMatchObject([
    { level: 40, msg: 'relay.insecure', relay: 'mail.example.org:587', risk: expect.stringContaining('certificate') },
    { level: 40, msg: 'relay.insecure', relay: '10.0.0.7:25', risk: expect.stringContaining('in the clear') },
  ])
  expect(JSON.stringify(warnings)).not.toContain('sec-ret')
})

test('there is no warning for the default TLS setting, without a password, or for a relay on this machine', async () => {
  expect(await warningsOf('smtps://user:secret@mail.example.org,smtp://mail.example.org?tls=off')).toEqual([])
  expect(await warningsOf('smtp://user:secret@localhost:2525?tls=off')).toEqual([])
})
