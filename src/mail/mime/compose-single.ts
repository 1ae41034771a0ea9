import { compileMessage, type MessageParts } from './compile-message.ts'
import { fillMessage } from './fill-message.ts'
import type { Mailbox } from './header-fields.ts'

/**
 * Writes a message to one mailbox: the octets that go over the wire, with CRLF line ends and no line beginning with a
 * dot. For mails that few get; what many get is compiled once and filled (`fill.ts`). `messageId` stands with or
 * without its angle brackets. Throws as `compileMessage` and `fillMessage` do.
 */
export async function composeSingle(parts: MessageParts, to: Mailbox, messageId: string): Promise<Buffer> {
  return fillMessage(await compileMessage(parts, {}), {}, to, messageId)
}
