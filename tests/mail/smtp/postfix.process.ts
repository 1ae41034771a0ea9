import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, MEASURE, OCTETS, TO, urlOf } from './connected.ts'
import { type Postfix, startPostfix, whyNoPostfix } from './postfix.ts'

const reason = whyNoPostfix()
const SETTINGS = {
  pipelining: [],
  'no pipelining': ['smtpd_discard_ehlo_keywords = pipelining'],
  'TLS only': ['smtpd_tls_security_level = encrypt'],
  'few extensions': ['smtpd_discard_ehlo_keywords = pipelining, size, 8bitmime, smtputf8'],
}

describe.skipIf(reason !== null).each(Object.entries(SETTINGS))(
  `Postfix (${reason ?? 'installed'}), %s`,
  (name, settings) => {
    let postfix: Postfix
    beforeAll(async () => {
      postfix = await startPostfix([...settings, 'message_size_limit = 100000', 'smtpd_recipient_limit = 1'])
    })
    afterAll(() => postfix.stop())

    it('takes many messages on one connection, each octet as it was', async () => {
      const connection = await connect(urlOf(postfix))
      const body = 'first\r\n.a dot\r\n..\r\n.\r\nlast\r\n'
      const before = postfix.held()
      for (let count = 0; count < 20; count += 1) {
        const reply = await connection.send(TO, [Buffer.from('Subject: x\r\n\r\n'), Buffer.from(body)])
        expect(reply).toMatchObject({
          kind: 'accepted',
          text: expect.stringMatching(/^250 2\.0\.0 Ok: queued as \w+$/),
        })
        const queueId = reply.text.split(' ').at(-1) ?? ''
        expect(postfix.bodyOf(queueId)).toBe(body.replaceAll('\r\n', '\n'))
      }
      expect(postfix.held()).toBe(before + 20)
    })

    it('takes a message begun behind the end of another, and not the one that is abandoned', async () => {
      const connection = await connect(urlOf(postfix))
      const before = postfix.held()
      await connection.begin(TO, MEASURE)
      connection.write([OCTETS])
      const first = connection.finish()
      expect(await connection.begin(TO, MEASURE)).toBeNull()
      connection.write([OCTETS])
      expect(await first).toMatchObject({ kind: 'accepted' })
      await connection.abandon()
      const next = await connect(urlOf(postfix))
      expect(await next.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
      expect(postfix.held()).toBe(before + 2)
    })

    it('refuses what it will not take, and goes on', async () => {
      const connection = await connect(urlOf(postfix))
      const refused = await connection.send({ ...TO, to: 'a..@-' }, OCTETS)
      expect(refused).toMatchObject({ kind: 'refused', stage: 'rcpt', code: 501 })
      const large = await connection.send(TO, Buffer.alloc(200_000, 'Subject: x\r\n'))
      expect(large).toMatchObject({ kind: 'refused', code: 552, enhanced: '5.3.4' })
      expect(large).toMatchObject({ stage: name === 'few extensions' ? 'content' : 'mail' })
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    })
  },
)
