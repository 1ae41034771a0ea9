import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { readPublication } from '../../src/digest/variant.ts'
import { openTestDatabase } from '../support/database.ts'
import { addNewsletter, changeNewsletter, type NewsletterInput } from '../support/newsletters.ts'
import { NOON } from '../support/world.ts'

const { db, truncate, close } = await openTestDatabase()
beforeEach(async () => {
  await truncate()
  await addNewsletter(db, { slug: 'welt', name: 'Welt', from: 'welt@example.org' }, NOON)
})
afterAll(close)

const set = async (fields: NewsletterInput) => readPublication(await changeNewsletter(db, 'welt', fields, NOON))
const LOGO = { logoUrl: 'https://welt.example/logo.png', logoWidth: '160', logoHeight: '40' }

describe('the look of a newsletter', () => {
  test('has no logo and our colour of headlines until they are set', async () => {
    expect(await set({})).toMatchObject({ logo: null, headlineColour: null })
  })

  test('takes a logo with its size, in place of the name unless said otherwise', async () => {
    const logo = { url: LOGO.logoUrl, darkUrl: null, alt: null, width: 160, height: 40 }
    expect((await set(LOGO)).logo).toEqual({ ...logo, place: 'instead' })
    const more = { logoDarkUrl: 'https://welt.example/dark.png', logoAlt: 'Die Welt', logoPlace: 'beside' }
    expect((await set(more)).logo).toEqual({ ...logo, darkUrl: more.logoDarkUrl, alt: 'Die Welt', place: 'beside' })
  })

  test('a colour of headlines and a logo are cleared by an empty text', async () => {
    expect(await set({ ...LOGO, headlineColour: '#1E4620' })).toMatchObject({ headlineColour: '#1E4620' })
    expect(await set({ logoUrl: '', headlineColour: '' })).toMatchObject({ logo: null, headlineColour: null })
  })

  test.each([
    ['logoUrl', { ...LOGO, logoUrl: 'http://welt.example/logo.png' }],
    ['logoUrl', { ...LOGO, logoUrl: 'https://me:secret@welt.example/logo.png' }],
    ['logoUrl', { ...LOGO, logoUrl: 'logo.png' }],
    ['logoDarkUrl', { ...LOGO, logoDarkUrl: 'data:image/png;base64,AA' }],
    ['logoWidth', { ...LOGO, logoWidth: '281' }],
    ['logoHeight', { ...LOGO, logoHeight: 'tall' }],
    ['logoPlace', { ...LOGO, logoPlace: 'above' }],
    ['logoWidth and logoHeight', { logoUrl: LOGO.logoUrl }],
    ['headlineColour', { headlineColour: 'red;}</style>' }],
  ])('names %s where it is wrong: %j', async (field, fields) => {
    await expect(set(fields)).rejects.toMatchObject({
      code: 'newsletter.invalid',
      message: expect.stringContaining(field),
    })
  })
})
