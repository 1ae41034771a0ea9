import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeDigest } from '../../../src/digest/compose/compose.ts'
import { checkTemplates } from '../../../src/digest/render/check-templates.ts'
import { renderDigest } from '../../../src/digest/render/render.ts'
import { compileMjml, requireBalancedConditionals } from '../../../src/digest/templates/mjml.ts'
import { loadTemplates } from '../../../src/digest/templates/templates.ts'
import { articles, input, PUBLICATION, READER } from '../sample.ts'

const SECTION = '<mj-section><mj-column><mj-text>{{ newsletter.name }}</mj-text></mj-column></mj-section>'
const file = (source: string) => ({ name: 'mail/digest.mjml', path: '/own/mail/digest.mjml', source })
const compile = (body: string, head = '') =>
  compileMjml(file(`<mjml lang="{{ locale }}">\n<mj-head>${head}</mj-head>\n<mj-body>\n${body}\n</mj-body></mjml>`))

let dir: string
let own: { mjml: string; txt: string }
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'courant-templates-'))
  await mkdir(join(dir, 'mail'))
  const read = (name: string) => readFile(new URL(`../../../templates/mail/${name}`, import.meta.url), 'utf8')
  own = { mjml: await read('digest.mjml'), txt: await read('digest.txt') }
})
afterAll(() => rm(dir, { recursive: true }))

/** Loads our templates with changed files in their place. */
async function loadWith(files: Partial<typeof own>) {
  await writeFile(join(dir, 'mail/digest.mjml'), files.mjml ?? own.mjml)
  await writeFile(join(dir, 'mail/digest.txt'), files.txt ?? own.txt)
  return loadTemplates({ dir })
}

const lineOf = (source: string, piece: string) => source.slice(0, source.indexOf(piece)).split('\n').length

describe('compiling MJML', () => {
  test('keeps Liquid in mj-raw, in text and in attributes, and lang by Liquid', async () => {
    const html = await compile(`<mj-raw>{% if lead %}</mj-raw>${SECTION}<mj-raw>{% endif %}</mj-raw>`)
    expect(html).toMatch(
      /<html lang="\{\{ locale \}\}"[\s\S]*\{% if lead %\}[\s\S]*\{\{ newsletter\.name \}\}[\s\S]*\{% endif %\}/,
    )
  })

  test('a tag between MJML’s own tags is dropped by mjml, and refused with its line', async () => {
    await expect(compile(`{% if lead %}\n${SECTION}\n{% endif %}`)).rejects.toMatchObject({
      code: 'template.invalid',
      message: expect.stringMatching(/mail\/digest\.mjml.*line 4.*\{% if lead %\}.*mj-raw/),
    })
  })

  test('double quotes inside an attribute’s Liquid are refused', async () => {
    const quoted = `<mj-section><mj-column><mj-image src="{{ "x" }}" alt="y" /></mj-column></mj-section>`
    await expect(compile(quoted)).rejects.toMatchObject({ code: 'template.invalid' })
  })

  test('a tag that is not MJML is refused with its line', async () => {
    await expect(compile('<mj-section>\n<mj-colum></mj-colum></mj-section>')).rejects.toMatchObject({
      code: 'template.invalid',
      message: expect.stringMatching(/line 5.*mj-colum/),
    })
  })

  test('Liquid in a colour is refused: colours are sentinels', async () => {
    await expect(compile(SECTION.replace('<mj-text>', '<mj-text color="{{ accent }}">'))).rejects.toMatchObject({
      code: 'template.invalid',
      message: expect.stringMatching(/line 4/),
    })
  })

  test('a condition around columns is refused with its line: whole sections are conditioned', async () => {
    const columns = '<mj-column><mj-text>a</mj-text></mj-column>'
    const section = `<mj-section>${columns}\n<mj-raw>{% if lead %}</mj-raw>${columns}<mj-raw>{% endif %}</mj-raw></mj-section>`
    await expect(compile(section)).rejects.toMatchObject({
      code: 'template.invalid',
      message: expect.stringMatching(/line 5.*between columns/),
    })
  })

  test('Liquid that cuts through Outlook’s comments is refused', async () => {
    await expect(
      compile(`${SECTION}<mj-raw><!--[if mso]>{% if lead %}</mj-raw>${SECTION}<mj-raw>{% endif %}</mj-raw>`),
    ).rejects.toThrow(/conditional comments/)
  })

  test('mj-include, which mjml drops silently, is refused', async () => {
    await expect(compile('<mj-include path="./x.mjml" />')).rejects.toMatchObject({
      message: expect.stringMatching(/line 4.*mj-include/),
    })
  })

  test('an author’s comments are left out, Liquid and all, Outlook’s are kept', async () => {
    const html = await compile(`<!-- {{ secret }} -->${SECTION}`)
    expect(html).not.toContain('secret')
    expect(html).toContain('<!--[if mso | IE]>')
  })

  test('no font is fetched, whatever its name', async () => {
    const html = await compile(SECTION.replace('<mj-text>', '<mj-text font-family="Roboto, Lato">'))
    expect(html).not.toMatch(/fonts\.googleapis|@import/)
  })

  test('unbalanced conditional comments are found', () => {
    for (const html of ['<!--[if mso]>', '<![endif]-->', '<!--[if mso]><!--[if mso]><![endif]-->']) {
      expect(() => requireBalancedConditionals(file(''), html)).toThrow(/conditional comments/)
    }
    expect(() => requireBalancedConditionals(file(''), '<!--[if !mso]><!-->x<!--<![endif]-->')).not.toThrow()
  })
})

describe('templates of one’s own', () => {
  test('a single file is overridden, the other stays ours', async () => {
    await writeFile(join(dir, 'mail/digest.txt'), `Eigener Text\n${own.txt}`)
    await rm(join(dir, 'mail/digest.mjml'), { force: true })
    const { text, html } = renderDigest(await loadTemplates({ dir }), composeDigest(input(articles(2))), READER)
    expect(text).toMatch(/^Eigener Text\nWelt & Technik\n=====/)
    expect(html).toContain('Schlagzeile 2')
  })

  test('an unknown variable is an error with file and line, of the MJML as of the text', async () => {
    const mjml = own.mjml.replace('{{ words.unsubscribe }}', '{{ words.unsubscrib }}')
    const line = lineOf(mjml, 'words.unsubscrib ')
    expect(() => checkTemplates(broken, PUBLICATION)).toThrow(
      expect.objectContaining({
        code: 'template.invalid',
        message: expect.stringContaining(
          `mail/digest.mjml cannot be used: line ${line}. Undefined variable: words.unsubscrib`,
        ),
      }),
    )
    const txt = own.txt.replace('{{ words.times }}', '{{ word.times }}')
    const withText = await loadWith({ txt })
    expect(() => checkTemplates(withText, PUBLICATION)).toThrow(
      new RegExp(`mail/digest\\.txt cannot be used: line ${lineOf(txt, 'word.times')}\\. Undefined variable: word`),
    )
  })

  let broken: Awaited<ReturnType<typeof loadWith>>
  beforeAll(async () => {
    broken = await loadWith({ mjml: own.mjml.replace('{{ words.unsubscribe }}', '{{ words.unsubscrib }}') })
  })

  test('an unknown filter is an error with file and line', async () => {
    const mjml = own.mjml.replace('{{ words.unsubscribe }}', '{{ words.unsubscribe | shout }}')
    await expect(loadWith({ mjml })).rejects.toMatchObject({
      code: 'template.invalid',
      message: expect.stringContaining(`line ${lineOf(mjml, '| shout')}. Undefined filter: shout`),
    })
  })

  test('a variable that only some digests reach is found before anything is queued', async () => {
    for (const piece of ['{{ more.label }}', '{{ entry.picture.alt }}', '{{ brief.source }}', '{{ line }}']) {
      const templates = await loadWith({ mjml: own.mjml.replaceAll(piece, '{{ nothing.there }}') })
      expect(() => checkTemplates(templates, PUBLICATION), piece).toThrow(/Undefined variable: nothing/)
    }
  })

  test('a template that does not show the unsubscribe link or another field of the reader is refused', async () => {
    const withoutLink = await loadWith({ mjml: own.mjml.replace('href="{{ reader.unsubscribeUrl }}"', '') })
    expect(() => checkTemplates(withoutLink, PUBLICATION)).toThrow(/digest\.mjml.*reader\.unsubscribeUrl/)
    const withoutReason = await loadWith({ txt: own.txt.replace('{{ reader.reason }}', '') })
    expect(() => checkTemplates(withoutReason, PUBLICATION)).toThrow(/digest\.txt.*reader\.reason/)
  })
})
