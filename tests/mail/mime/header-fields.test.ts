import { domainToASCII } from 'node:url'
import fc from 'fast-check'
import { foldLines } from 'nodemailer/lib/mime-funcs'
import MimeNode from 'nodemailer/lib/mime-node'
import { describe, expect, it } from 'vitest'
import { envelopeAddress } from '../../../src/mail/addresses/address.ts'
import { writeHeader, writeTo } from '../../../src/mail/mime/header-fields.ts'

const word = fc.stringMatching(/^[!-~]{1,90}$/)
const domain = fc.stringMatching(/^[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}\.[a-z]{2,6}$/)

describe('what is written without nodemailer', () => {
  it('is folded as nodemailer folds it', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
        const value = words.join(' ')
        fc.pre(words.every((one) => one.length < 900))
        expect(writeHeader('List-Unsubscribe', value)).toBe(`${foldLines(`List-Unsubscribe: ${value}`, 76)}\r\n`)
      }),
    )
  })

  it('addresses one mailbox as nodemailer does', () => {
    const local = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}(\.[A-Za-z0-9_+-]{1,10}){0,2}$/)
    fc.assert(
      fc.property(local, domain, (before, behind) => {
        const address = `${before}@${behind}`
        const value = new MimeNode().encodeHeaderValue('To', { name: '', address })
        expect(writeTo({ name: null, address })).toBe(`${foldLines(`To: ${value}`, 76)}\r\n`)
      }),
    )
  })

  it('leaves a domain as IDNA would', () => {
    fc.assert(
      fc.property(domain, (name) => {
        expect(envelopeAddress(`reader@${name}`).address).toBe(`reader@${domainToASCII(name) || name}`)
      }),
    )
  })
})
