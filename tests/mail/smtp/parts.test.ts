import { describe, expect, it } from 'vitest'
import { hangUp } from '../../support/hostile-relay.ts'
import { connect, hostile, MEASURE, OCTETS, sink, TEXT, TO, trouble, urlOf } from './connected.ts'

const other = (to: string) => ({ ...TO, to })

describe.each([{ pipelining: true }, { pipelining: false }])(
  'a message in parts (pipelining: $pipelining)',
  (offered) => {
    it('is all there but its end, and is taken when that comes', async () => {
      const relay = await sink(offered)
      const connection = await connect(relay.url)
      for (const count of [1, 2, 3]) {
        expect(await connection.begin(TO, MEASURE)).toBeNull()
        connection.write([OCTETS.subarray(0, 9)])
        connection.write([OCTETS.subarray(9, 15), OCTETS.subarray(15)])
        expect(relay.messages).toHaveLength(count - 1)
        expect(await connection.finish()).toEqual({ kind: 'accepted', text: `250 2.0.0 kept as ${count}` })
      }
      expect(relay.messages.map(({ raw }) => raw.toString())).toEqual([TEXT, TEXT, TEXT])
      expect(relay.connectionsSeen()).toBe(1)
    })

    it('is not taken when it is abandoned, however much of it was sent', async () => {
      const relay = await hostile({ offers: offered.pipelining ? ['PIPELINING'] : [] })
      for (const written of [[], [OCTETS]]) {
        const connection = await connect(urlOf(relay))
        expect(await connection.begin(TO, MEASURE)).toBeNull()
        connection.write(written)
        await connection.abandon()
        expect(connection.usable).toBe(false)
        expect(await connection.finish()).toEqual(trouble('content', 'abandoned'))
        expect(await connection.begin(TO, MEASURE)).toEqual(trouble('mail', 'abandoned'))
      }
      await relay.ended(2)
      expect(relay.contents).toEqual([])
      expect(relay.cut).toHaveLength(2)
      expect(relay.lines).not.toContain('QUIT')
    })

    it('is abandoned while the relay still thinks about its envelope', async () => {
      const relay = await hostile({ offers: offered.pipelining ? ['PIPELINING'] : [], answers: { MAIL: [null] } })
      const connection = await connect(urlOf(relay))
      const begun = connection.begin(TO, MEASURE)
      await connection.abandon()
      expect(await begun).toEqual(trouble('mail', 'abandoned'))
      await relay.ended(1)
    })

    it('is begun while the one before still waits for its reply', async () => {
      const relay = await sink(offered)
      const connection = await connect(relay.url)
      expect(await connection.begin(other('one@example.net'), MEASURE)).toBeNull()
      connection.write([OCTETS])
      const first = connection.finish()
      expect(await connection.begin(other('two@example.net'), MEASURE)).toBeNull()
      connection.write([OCTETS])
      expect(await first).toEqual({ kind: 'accepted', text: '250 2.0.0 kept as 1' })
      expect(await connection.finish()).toEqual({ kind: 'accepted', text: '250 2.0.0 kept as 2' })
      expect(relay.messages.map(({ to }) => to)).toEqual(['one@example.net', 'two@example.net'])
    })

    it('is closed together with its connection, unless its end was sent', async () => {
      const relay = await sink(offered)
      const begun = await connect(relay.url)
      await begun.begin(TO, MEASURE)
      begun.write([OCTETS])
      await begun.close()
      expect(await begun.finish()).toEqual(trouble('content', 'abandoned'))
      const ended = await connect(relay.url)
      relay.hold()
      await ended.begin(TO, MEASURE)
      ended.write([OCTETS])
      const reply = ended.finish()
      await relay.received(1)
      const closed = ended.close()
      relay.release()
      expect(await reply).toEqual({ kind: 'accepted', text: '250 2.0.0 kept as 1' })
      await closed
      expect(relay.messages).toHaveLength(1)
    })
  },
)

describe('a message in parts', () => {
  it('goes out with the next envelope behind its end in one group, where that is offered', async () => {
    // It replies to the end only once the next envelope has come.
    const relay = await hostile({
      offers: ['PIPELINING'],
      answers: { content: [null, '250 second\r\n'], MAIL: ['250 ok\r\n', '250 first\r\n250 ok\r\n'] },
    })
    const connection = await connect(urlOf(relay))
    await connection.begin(other('one@example.net'), MEASURE)
    connection.write([OCTETS])
    const first = connection.finish()
    const second = connection.begin(other('two@example.net'), MEASURE)
    expect(await first).toEqual({ kind: 'accepted', text: '250 first' })
    expect(await second).toBeNull()
    connection.write([OCTETS])
    expect(await connection.finish()).toEqual({ kind: 'accepted', text: '250 second' })
  })

  it('is not begun before the reply to the one before, where groups are not offered', async () => {
    const relay = await hostile({ answers: { content: [null] } })
    const connection = await connect(urlOf(relay), { contentMs: 50, finishMs: 50 })
    await connection.begin(TO, MEASURE)
    connection.write([OCTETS])
    const first = connection.finish()
    const second = connection.begin(TO, MEASURE)
    expect(await first).toEqual(trouble('content', 'took too long', true))
    expect(await second).toEqual(trouble('mail', 'took too long'))
    await relay.ended(1)
    expect(relay.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1)
  })

  it.each([
    ['421 4.3.2 going down\r\n', '421 4.3.2 going down', false],
    [hangUp, 'closed', true],
  ])('leaves the next one untouched when the connection is lost (%#)', async (answer, text, ambiguous) => {
    const relay = await hostile({ offers: ['PIPELINING'], answers: { content: [answer] } })
    const connection = await connect(urlOf(relay))
    await connection.begin(TO, MEASURE)
    connection.write([OCTETS])
    const first = connection.finish()
    const second = connection.begin(TO, MEASURE)
    expect(await first).toMatchObject(trouble('content', text, ambiguous))
    expect(await second).toMatchObject({ kind: 'broken', ambiguous: false })
    expect(connection.usable).toBe(false)
  })

  it.each([
    ['421 4.4.2 you are slow\r\n', '421 4.4.2 you are slow'],
    ['451 4.4.2 timeout\r\n', '451 4.4.2 timeout'],
    ['', 'closed'],
  ])('is broken without doubt when the relay leaves before its end: %j', async (said, text) => {
    const relay = await hostile()
    const connection = await connect(urlOf(relay))
    await connection.begin(TO, MEASURE)
    connection.write([OCTETS])
    relay.interrupt(said)
    await relay.ended(1)
    expect(await connection.finish()).toEqual(trouble('content', text))
    expect(connection.usable).toBe(false)
    expect(relay.contents).toEqual([])
  })

  it('is abandoned only when the one before has its reply', async () => {
    const relay = await sink()
    relay.hold()
    const connection = await connect(relay.url)
    await connection.begin(TO, MEASURE)
    connection.write([OCTETS])
    const first = connection.finish()
    const second = connection.begin(TO, MEASURE)
    await relay.received(1)
    const abandoned = connection.abandon()
    relay.release()
    expect(await first).toMatchObject({ kind: 'accepted' })
    await abandoned
    await second
    expect(await connection.finish()).toEqual(trouble('content', 'abandoned'))
    expect(relay.messages).toHaveLength(1)
  })

  it('with octets no relay may see is not finished', async () => {
    const relay = await hostile()
    const connection = await connect(urlOf(relay))
    await connection.begin(TO, MEASURE)
    connection.write([OCTETS, Buffer.from('\n.\r\nMAIL FROM:<eve@example.net>\r\n')])
    expect(await connection.finish()).toMatchObject({ kind: 'refused', code: 554, enhanced: '5.6.0', stage: 'content' })
    await relay.ended(1)
    expect(relay.contents).toEqual([])
    expect(relay.lines.join()).not.toContain('eve')
  })

  it('is never begun twice, nor ended without being begun', async () => {
    const relay = await sink()
    const connection = await connect(relay.url)
    expect(await connection.finish()).toEqual(trouble('content', 'No message was begun'))
    connection.write([OCTETS])
    await connection.abandon()
    expect(await connection.begin(TO, MEASURE)).toBeNull()
    expect(await connection.begin(TO, MEASURE)).toEqual(trouble('mail', 'Another message'))
    expect(await connection.send(TO, OCTETS)).toEqual(trouble('mail', 'Another message'))
    connection.write([OCTETS])
    expect(await connection.finish()).toMatchObject({ kind: 'accepted' })
    expect(relay.messages.map(({ raw }) => raw.toString())).toEqual([TEXT])
  })

  it('carries many pieces and many octets as they are', async () => {
    const relay = await sink()
    const connection = await connect(relay.url)
    const line = Buffer.from(`${'x'.repeat(76)}\r\n`)
    const pieces = Array.from({ length: 200_000 }, () => line)
    expect(await connection.send(TO, pieces)).toMatchObject({ kind: 'accepted' })
    expect(relay.messages[0]?.raw.equals(Buffer.concat(pieces))).toBe(true)
  })
})
