import { expect, test } from 'vitest'
import { mailboxOf } from '../../../src/mail/addresses/mailbox.ts'

test.each([
  ['eva@example.com', 'eva@example.com', false],
  ['EVA@Example.com', 'eva@example.com', false],
  ['eva+news@example.com', 'eva@example.com', true],
  ['eva+a+b@example.com', 'eva@example.com', true],
  ['+49@example.com', '+49@example.com', false],
  ['eva.muster@example.com', 'eva.muster@example.com', false],
  ['e.v.a+x@gmail.com', 'eva@gmail.com', true],
  ['eva@googlemail.com', 'eva@gmail.com', false],
  ['eva@müller.example', 'eva@xn--mller-kva.example', false],
])('%s is a spelling of the mailbox %s', (address, key, isVariant) => {
  expect(mailboxOf(address)).toEqual({ key, domain: key.split('@')[1], isVariant })
})
