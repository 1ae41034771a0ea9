import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connect, misbehaving, OCTETS, relayAt, sink, TO, usualReply } from './dialogue.ts'

describe.each([{ pipelining: true }, { pipelining: false }])(
  'a connection (pipelining: $pipelining)',
  ({ pipelining }) => {
    it('carries many messages, one after another, each octet as it was', async () => {
      const relay = await sink({ pipelining })
      const connection = await connect(relayAt(relay.url))
      for (let index = 1; index <= 20; index += 1) {
        const reply = await connection.send({ from: '', to: `reader${index}@example.net` }, OCTETS)
        expect(reply).toEqual({ kind: 'accepted', text: `250 2.0.0 kept as ${index}` })
      }
      expect(relay.connectionsSeen()).toBe(1)
      expect(relay.messages.map(({ to }) => to)).toEqual(
        Array.from({ length: 20 }, (_, i) => `reader${i + 1}@example.net`),
      )
      expect(relay.messages.every(({ raw }) => raw.equals(OCTETS))).toBe(true)
    })

    it.each(['mail', 'rcpt', 'data', 'content'] as const)(
      'says what was refused at %s, and is reused',
      async (stage) => {
        const reply = ({ count }: { count: number }) =>
          count === 1 ? '550 5.1.1 no such user here' : count === 2 ? '451 4.7.1 try later' : null
        const relay = await sink({ pipelining, stage, reply })
        const connection = await connect(relayAt(relay.url))
        expect(await connection.send(TO, OCTETS)).toEqual({
          kind: 'refused',
          code: 550,
          enhanced: '5.1.1',
          text: '550 5.1.1 no such user here',
          stage,
        })
        expect(connection.usable).toBe(true)
        expect(await connection.send(TO, OCTETS)).toEqual({
          kind: 'deferred',
          code: 451,
          enhanced: '4.7.1',
          text: '451 4.7.1 try later',
          stage,
        })
        expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
        expect(relay.messages).toHaveLength(1)
        expect(relay.connectionsSeen()).toBe(1)
      },
    )

    it.each(['mail', 'rcpt', 'data', 'content'] as const)(
      'is broken by 421 at %s, without doubt about the message',
      async (stage) => {
        const relay = await sink({ pipelining, stage, reply: '421 4.3.2 going down' })
        const connection = await connect(relayAt(relay.url))
        expect(await connection.send(TO, OCTETS)).toEqual({
          kind: 'broken',
          stage,
          ambiguous: false,
          text: '421 4.3.2 going down',
        })
        expect(connection.usable).toBe(false)
        expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'broken', stage: 'mail', ambiguous: false })
      },
    )

    it('is in doubt about a message whose content was read and not replied to', async () => {
      const relay = await sink({ pipelining, dropBeforeReply: (count) => count === 2 })
      const connection = await connect(relayAt(relay.url))
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'broken', stage: 'content', ambiguous: true })
      expect(connection.usable).toBe(false)
      expect(relay.messages).toHaveLength(2)
    })

    it('is not in doubt about a message sent after the relay had hung up', async () => {
      const relay = await sink({ pipelining, dropAfter: 2 })
      const connection = await connect(relayAt(relay.url))
      await connection.send(TO, OCTETS)
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'broken', ambiguous: false })
      expect(relay.messages).toHaveLength(2)
    })
  },
)

describe('a connection', () => {
  it('waits for a relay that pauses between content and reply', async () => {
    const relay = await sink()
    const connection = await connect(relayAt(relay.url))
    relay.hold()
    let replied = false
    const reply = connection.send(TO, OCTETS).finally(() => {
      replied = true
    })
    await relay.received(1)
    expect(replied).toBe(false)
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'broken', ambiguous: false })
    relay.release()
    expect(await reply).toMatchObject({ kind: 'accepted' })
  })

  it('gives up a relay that never replies to the content, in doubt', async () => {
    const relay = await sink()
    relay.hold()
    const connection = await connect(relayAt(relay.url, { messageMs: 150 }))
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'broken', stage: 'content', ambiguous: true })
    expect(connection.usable).toBe(false)
  })

  it('understands replies that come one octet at a time, over several lines', async () => {
    const queue: [Socket, string][] = []
    const pump = () => {
      const [socket, octet] = queue.shift() ?? []
      if (socket === undefined || octet === undefined) return
      socket.write(octet, () => setImmediate(pump))
    }
    const url = await misbehaving((line, socket) => {
      const last = usualReply(line)
      if (last === null) return
      const reply = `${last.replace(' ', '-')}\r\n${last}\r\n`
      const idle = queue.length === 0
      for (const octet of reply) queue.push([socket, octet])
      if (idle) pump()
    })
    const connection = await connect(relayAt(url))
    const text = '250-2.0.0 taken 250 2.0.0 taken'
    expect(await connection.send(TO, Buffer.from('Subject: x\r\n\r\nx\r\n'))).toEqual({ kind: 'accepted', text })
  })

  it('gives up a relay that always says a little and never enough', async () => {
    const url = await misbehaving((line, socket) => {
      if (!line.startsWith('MAIL')) return void socket.write(`${usualReply(line)}\r\n`)
      const trickle = setInterval(() => socket.write('250-yes\r\n'), 5)
      socket.on('close', () => clearInterval(trickle))
    })
    const connection = await connect(relayAt(url, { messageMs: 200 }))
    expect(await connection.send(TO, OCTETS)).toEqual({
      kind: 'broken',
      stage: 'mail',
      ambiguous: false,
      text: 'The relay took too long.',
    })
    expect(connection.usable).toBe(false)
  })

  it('cuts what the relay says to one clean line of 500 characters', async () => {
    const url = await misbehaving((line, socket) => {
      if (line.startsWith('RCPT')) socket.write(`550-5.1.1 \u0007\u001b[31mno\r\n550 5.1.1 ${'x'.repeat(2000)}\r\n`)
      else if (usualReply(line) !== null) socket.write(`${usualReply(line)}\r\n`)
    })
    const connection = await connect(relayAt(url))
    const reply = await connection.send(TO, OCTETS)
    expect(reply).toMatchObject({ kind: 'refused', code: 550, enhanced: '5.1.1', stage: 'rcpt' })
    expect(reply.text).toMatch(/^550-5\.1\.1 \[31mno 550 5\.1\.1 x+$/)
    expect(reply.text).toHaveLength(500)
  })

  it('takes 530 for a login that is missing, not for a fault of the message', async () => {
    const relay = await sink({ login: { user: 'courant', password: 'right' } })
    const connection = await connect(relayAt(relay.url))
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'broken', stage: 'auth', ambiguous: false })
  })

  it('writes the domain of an envelope in A-labels', async () => {
    const said: string[] = []
    const url = await misbehaving((line, socket) => {
      said.push(line)
      if (usualReply(line) !== null) socket.write(`${usualReply(line)}\r\n`)
    })
    const connection = await connect(relayAt(url))
    await connection.send({ from: 'news@bücher.example', to: 'anna@müller.de' }, OCTETS)
    expect(said).toContain('MAIL FROM:<news@xn--bcher-kva.example>')
    expect(said).toContain('RCPT TO:<anna@xn--mller-kva.de>')
  })

  it('sends to a local part beyond ASCII only where the relay offers SMTPUTF8', async () => {
    const able = await connect(relayAt((await sink()).url))
    expect(await able.send({ ...TO, to: 'änne@example.net' }, OCTETS)).toMatchObject({ kind: 'accepted' })
    const unable = await connect(relayAt((await sink({ smtpUtf8: false })).url))
    const reply = await unable.send({ ...TO, to: 'änne@example.net' }, OCTETS)
    expect(reply).toMatchObject({ kind: 'refused', code: 553, enhanced: '5.6.7', stage: 'rcpt' })
    expect(await unable.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
  })

  it('cannot be made to say more by an address with a line break', async () => {
    const relay = await sink()
    const connection = await connect(relayAt(relay.url))
    const reply = await connection.send({ ...TO, to: 'anna@example.net>\r\nRCPT TO:<eve@example.net' }, OCTETS)
    expect(reply).toMatchObject({ kind: 'refused', code: 553, stage: 'rcpt' })
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    expect(relay.messages.map(({ to }) => to)).toEqual([TO.to])
  })

  it('says goodbye when closed, and then is not usable', async () => {
    const relay = await sink()
    const connection = await connect(relayAt(relay.url))
    await connection.send(TO, OCTETS)
    await connection.close()
    await connection.close()
    expect(connection.usable).toBe(false)
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'broken', ambiguous: false })
  })
})
