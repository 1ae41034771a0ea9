/** What a reply means for a delivery: the class names used in `replies.txt`. */
export type ReplyClass =
  | 'unknown-mailbox'
  | 'bad-address'
  | 'full'
  | 'inactive'
  | 'greylisted'
  | 'limited'
  | 'content'
  | 'oversized'
  | 'reputation'
  | 'policy'
  | 'receiver'
  | 'sender-rejected'
  | 'protocol-error'
  | 'relay'
  | 'unknown'

/** How long to wait between tries, in minutes: `first`, then each time `growth` times as long, up to `longest`. */
export type Backoff = { readonly first: number; readonly growth: number; readonly longest: number }

type ClassFacts = {
  /** The reason shown for a delivery. */
  readonly words: string
  /** Who caused the rejection; only one caused by the reader's mailbox can ever suppress the address. */
  readonly attributedTo: 'reader' | 'message' | 'sender' | 'receiver' | 'relay'
  /** Whether a permanent rejection of this class suppresses the address. */
  readonly suppresses: boolean
  readonly backoff: Backoff
}

const DOUBLING: Backoff = { first: 5, growth: 2, longest: 240 }
/** A greylist accepts a retry after 5 to 15 minutes; a message still deferred after an hour has another cause. */
const SOON: Backoff = { first: 5, growth: 1.5, longest: 60 }
/** These complain about retries that come too soon. */
const SLOW: Backoff = { first: 30, growth: 2, longest: 240 }
/** A relay that closed the connection is tried again after a minute. */
const MOMENT: Backoff = { first: 1, growth: 1, longest: 1 }
/** The mailbox's owner has to act first. */
const HOURS: Backoff = { first: 120, growth: 2, longest: 360 }

/** The consequences of each class. */
export const CLASSES: { readonly [name in ReplyClass]: ClassFacts } = {
  'unknown-mailbox': {
    words: 'the mailbox does not exist',
    attributedTo: 'reader',
    suppresses: true,
    backoff: DOUBLING,
  },
  'bad-address': { words: 'the address is malformed', attributedTo: 'reader', suppresses: true, backoff: DOUBLING },
  full: { words: 'the mailbox is full', attributedTo: 'reader', suppresses: false, backoff: HOURS },
  inactive: { words: 'the mailbox is disabled', attributedTo: 'reader', suppresses: false, backoff: HOURS },
  greylisted: {
    words: 'the receiver asked to come back soon (greylisting)',
    attributedTo: 'receiver',
    suppresses: false,
    backoff: SOON,
  },
  limited: { words: 'the receiver takes no more for now', attributedTo: 'receiver', suppresses: false, backoff: SLOW },
  content: { words: 'the content was refused', attributedTo: 'message', suppresses: false, backoff: DOUBLING },
  oversized: { words: 'the message is too large', attributedTo: 'message', suppresses: false, backoff: DOUBLING },
  reputation: {
    words: 'the sender is blocked or not authenticated',
    attributedTo: 'sender',
    suppresses: false,
    backoff: SLOW,
  },
  policy: { words: 'the receiver’s policy forbids it', attributedTo: 'sender', suppresses: false, backoff: DOUBLING },
  receiver: {
    words: 'the receiver has trouble of its own',
    attributedTo: 'receiver',
    suppresses: false,
    backoff: DOUBLING,
  },
  'sender-rejected': {
    words: 'the relay does not let this sender send',
    attributedTo: 'relay',
    suppresses: false,
    backoff: DOUBLING,
  },
  'protocol-error': {
    words: 'the relay lost track of the dialogue',
    attributedTo: 'relay',
    suppresses: false,
    backoff: DOUBLING,
  },
  relay: { words: 'the relay has trouble of its own', attributedTo: 'relay', suppresses: false, backoff: MOMENT },
  unknown: {
    words: 'refused for a reason that is not known',
    attributedTo: 'message',
    suppresses: false,
    backoff: DOUBLING,
  },
}

/** Whether the word is a class. */
export function isReplyClass(word: string): word is ReplyClass {
  return Object.hasOwn(CLASSES, word)
}
