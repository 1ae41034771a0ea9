import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerError, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'
import type { SMTPConnection } from 'smtp-server/lib/smtp-connection'

/** A message as the sink stored it: dots un-stuffed, `order` counted from 1 over all connections. */
export type Received = { readonly order: number; readonly from: string; readonly to: string; readonly raw: Buffer }

/** Who wrote to whom; `count` counts the messages begun over all connections, from 1. */
export type Asked = { readonly from: string; readonly to: string; readonly count: number }

export type SinkOptions = {
  /** Refuses with this reply (`451 4.7.1 try later`) at `stage`; a function may take a message by answering null. */
  readonly reply?: string | ((asked: Asked) => string | null)
  /** Where `reply` is given; `rcpt` by default. */
  readonly stage?: 'mail' | 'rcpt' | 'data' | 'content'
  /** Closes a connection after so many accepted messages, right behind the reply to the last. */
  readonly dropAfter?: number
  /** Stores the message, then destroys the connection instead of replying. */
  readonly dropBeforeReply?: (count: number) => boolean
  /** Turns connections away with this greeting (`554 5.7.1 not you`). */
  readonly greeting?: string
  /** Offers STARTTLS, with a certificate nobody knows. */
  readonly tls?: boolean
  /** Requires this login. */
  readonly login?: { readonly user: string; readonly password: string }
  readonly pipelining?: boolean
  readonly smtpUtf8?: boolean
}

export type Sink = {
  readonly url: string
  readonly port: number
  /** What was taken, in order; a message refused at `content` is not there, one whose reply was dropped is. */
  readonly messages: readonly Received[]
  readonly connectionsOpen: () => number
  /** How many connections there ever were. */
  readonly connectionsSeen: () => number
  /** Ends when `count` messages have been taken, replied to or not. */
  readonly received: (count: number) => Promise<void>
  /** From now on contents are stored, and their replies held back until `release`. */
  readonly hold: () => void
  readonly release: () => void
  readonly close: () => Promise<void>
}

/** Starts a real SMTP server on a free port of 127.0.0.1 that keeps what it is sent. It greets after 100 ms. */
export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const store = newStore()
  const server: SMTPServer = new SMTPServer({
    ...accessOf(options),
    ...conversationOf(options, store, (session) => connectionIn(server, session)),
  })
  // Clients vanish in these tests; that is no fault of the sink's.
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo // Listening on a port, so neither a path nor null.
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    messages: store.messages,
    connectionsOpen: () => server.connections.size,
    connectionsSeen: () => store.connections,
    received: (count) => store.received(count),
    hold: () => store.hold(),
    release: () => store.release(),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve)
        for (const connection of server.connections) connection._socket.destroy()
      }),
  }
}

type Store = ReturnType<typeof newStore>

/** What the sink remembers, and who waits for what. */
function newStore() {
  const messages: Received[] = []
  const waiting: { count: number; wake: () => void }[] = []
  let held: (() => void)[] | null = null
  return {
    messages,
    connections: 0,
    begun: 0,
    keep: (from: string, to: string, raw: Buffer): Received => {
      const message = { order: messages.length + 1, from, to, raw }
      messages.push(message)
      for (const { count, wake } of waiting) if (messages.length >= count) wake()
      return message
    },
    received: (count: number): Promise<void> =>
      new Promise((wake) => {
        if (messages.length >= count) wake()
        else waiting.push({ count, wake })
      }),
    answer: (reply: () => void): void => {
      if (held === null) reply()
      else held.push(reply)
    },
    hold: (): void => {
      held ??= []
    },
    release: (): void => {
      const replies = held ?? []
      held = null
      for (const reply of replies) reply()
    },
  }
}

/** What the server offers, and whom it lets in. */
function accessOf({ login, ...options }: SinkOptions): SMTPServerOptions {
  return {
    logger: false,
    name: 'sink.test',
    disableReverseLookup: true,
    authOptional: login === undefined,
    allowInsecureAuth: true,
    disabledCommands: [...(options.tls ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])],
    hidePIPELINING: options.pipelining === false,
    hideSMTPUTF8: options.smtpUtf8 === false,
    socketTimeout: 600_000,
    onAuth: ({ username, password }, _session, callback) => {
      if (username === login?.user && password === login?.password) callback(null, { user: username })
      else callback(replyError('535 5.7.8 wrong user or password'))
    },
  }
}

type FindConnection = (session: SMTPServerSession) => SMTPConnection | undefined

/** What the server says to a message, from MAIL to its content. */
function conversationOf(options: SinkOptions, store: Store, find: FindConnection): SMTPServerOptions {
  const refusalAt = (stage: SinkOptions['stage'], from: string, to: string): Error | null => {
    const { reply = null } = options
    if (stage !== (options.stage ?? 'rcpt')) return null
    const text = typeof reply === 'function' ? reply({ from, to, count: store.begun }) : reply
    return text === null ? null : replyError(text)
  }
  const senderOf = ({ envelope }: SMTPServerSession) => (envelope.mailFrom === false ? '' : envelope.mailFrom.address)
  const keptFrom = new Map<string, number>()
  const recipientOf = ({ envelope }: SMTPServerSession) => envelope.rcptTo[0]?.address ?? ''
  return {
    onConnect: (session, callback) => {
      store.connections += 1
      if (options.greeting !== undefined) return callback(replyError(options.greeting))
      const connection = find(session)
      const refusal = () => refusalAt('data', senderOf(session), recipientOf(session))
      if (connection !== undefined && options.stage === 'data') refuseData(connection, refusal)
      callback()
    },
    onMailFrom: ({ address }, _session, callback) => {
      store.begun += 1
      callback(refusalAt('mail', address, ''))
    },
    onRcptTo: ({ address }, session, callback) => callback(refusalAt('rcpt', senderOf(session), address)),
    onData: async (stream, session, callback) => {
      const chunks: Buffer[] | null = await stream.toArray().catch(() => null)
      // A client that vanished in the middle of its content: nothing was taken, and nobody waits for a reply.
      if (chunks === null) return
      const raw = Buffer.concat(chunks)
      const [from, to] = [senderOf(session), recipientOf(session)]
      const refusal = refusalAt('content', from, to)
      if (refusal !== null) return callback(refusal)
      const { order } = store.keep(from, to, raw)
      const kept = (keptFrom.get(session.id) ?? 0) + 1
      keptFrom.set(session.id, kept)
      const socket = find(session)?._socket
      store.answer(() => {
        if (options.dropBeforeReply?.(order)) return socket?.destroy()
        callback(null, `2.0.0 kept as ${order}`)
        if (kept === options.dropAfter) socket?.destroySoon()
      })
    },
  }
}

function connectionIn(server: SMTPServer, { id }: SMTPServerSession): SMTPConnection | undefined {
  return [...server.connections].find((connection) => connection.id === id)
}

/** smtp-server has no handler of its own for DATA, since real servers refuse earlier or later. */
function refuseData(connection: SMTPConnection, refusal: () => Error | null): void {
  const take = connection.handler_DATA.bind(connection)
  connection.handler_DATA = (command, callback) => {
    const error: SMTPServerError | null = connection.session.envelope.rcptTo.length > 0 ? refusal() : null
    if (error === null) return take(command, callback)
    connection.send(error.responseCode ?? 550, error.message, false)
    callback()
  }
}

function replyError(reply: string): SMTPServerError {
  return Object.assign(new Error(reply.slice(4)), { responseCode: Number(reply.slice(0, 3)) })
}
