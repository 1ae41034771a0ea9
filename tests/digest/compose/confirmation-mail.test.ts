import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type ConfirmationInput,
  composeConfirmation,
  type RequestedSubscription,
} from '../../../src/digest/compose/confirmation-mail.ts'
import { checkTemplates } from '../../../src/digest/render/check-templates.ts'
import { renderConfirmation } from '../../../src/digest/render/render.ts'
import { loadTemplates, type Templates } from '../../../src/digest/templates/templates.ts'
import { PUBLICATION } from '../sample.ts'

let templates: Templates
let dir: string
beforeAll(async () => {
  templates = await loadTemplates({ dir: null })
  dir = await mkdtemp(join(tmpdir(), 'courant-templates-'))
  await mkdir(join(dir, 'mail'))
})
afterAll(() => rm(dir, { recursive: true }))

const DAILY: RequestedSubscription = {
  name: 'Welt & Technik',
  imprint: PUBLICATION.imprint,
  frequency: 'daily',
  weekday: null,
  hour: 7,
  zone: 'Europe/Berlin',
}
const WEEKLY: RequestedSubscription = {
  ...DAILY,
  name: 'Der Hafen',
  frequency: 'weekly',
  weekday: 5,
  hour: 18,
  zone: 'Asia/Kolkata',
}
const URL = 'https://news.example.org/confirm/token'

function confirmation(facts: Partial<ConfirmationInput> = {}) {
  const view = composeConfirmation({
    kind: 'confirmation',
    locale: 'de',
    branding: PUBLICATION,
    asked: [DAILY],
    address: 'leserin@example.net',
    confirmUrl: URL,
    ...facts,
  })
  return { ...view, ...renderConfirmation(templates, view) }
}

describe('the mail that asks for confirmation', () => {
  test('has one sentence, one link, and says what happens when one does nothing', () => {
    const { html, text } = confirmation()
    expect(html.match(/<a\b/g)).toHaveLength(1)
    expect(html).toContain(`href="${URL}"`)
    expect(text.match(/https?:/g)).toHaveLength(1)
    for (const body of [html, text]) {
      expect(body).toContain('Bitte bestätigen Sie, dass Sie diesen Newsletter erhalten möchten.')
      expect(body.replace(/\s+/g, ' ')).toContain('ignorieren Sie diese Mail; die Anfrage wird nach 7 Tagen gelöscht.')
      expect(body).toContain('Impressum')
      expect(body).toContain('Musterstraße 1, 10115 Berlin')
      expect(body).toContain('leserin@example.net')
    }
  })

  test('names each newsletter with its frequency, hour and zone in words', () => {
    const { html, text } = confirmation({ locale: 'en', asked: [DAILY, WEEKLY, { ...DAILY, frequency: 'instant' }] })
    for (const body of [html, text]) {
      expect(body).toContain('daily at\u00a07:00 (Europe/Berlin)')
      expect(body).toContain('every Friday at\u00a018:00 (Asia/Kolkata)')
      expect(body).toContain('whenever something new appears')
      expect(body).toContain('these 3\u00a0newsletters')
    }
    expect(html).toMatch(/^[\s\S]*<html lang="en"/)
  })

  test('the button is at least 44 px high, in the newsletter’s colour', () => {
    const { html } = confirmation()
    const button = /<a[^>]*style="([^"]*)"/.exec(html)?.[1] ?? ''
    const lineHeight = Number(/line-height:(\d+)px/.exec(button)?.[1])
    const padding = Number(/padding:(\d+)px/.exec(button)?.[1])
    expect(lineHeight + 2 * padding).toBeGreaterThanOrEqual(44)
    expect(button).toContain('background:#b3261e')
  })

  test('a reminder says that it is one, and the last', () => {
    const { subject, text } = confirmation({ kind: 'reminder' })
    expect(subject).toBe('Noch nicht bestätigt: Welt & Technik')
    expect(text.replace(/\s+/g, ' ')).toContain('Ihre Anmeldung ist noch nicht bestätigt')
    expect(text.replace(/\s+/g, ' ')).toContain('wir erinnern nicht noch einmal')
  })

  test('the subject is under 60 characters, with a long name and with several', () => {
    const long = { ...DAILY, name: 'Die ganz ausführliche Wochenschau aus Wissenschaft, Technik und Kultur' }
    for (const locale of ['de', 'en'] as const)
      for (const kind of ['confirmation', 'reminder'] as const) {
        const { subject } = confirmation({ locale, kind, asked: [long, DAILY, WEEKLY] })
        expect(subject.length).toBeLessThan(60)
        expect(subject).toMatch(/2\u00a0(weitere|more)$/)
      }
  })

  test('the text keeps to 72 columns', () => {
    const asked = [
      DAILY,
      { ...WEEKLY, name: 'Ein Name, der so lang ist, dass er mit seinen Zeiten zwei Zeilen braucht' },
    ]
    for (const locale of ['de', 'en'] as const)
      for (const kind of ['confirmation', 'reminder'] as const) {
        const lines = confirmation({ locale, kind, asked }).text.split('\n')
        expect(lines.filter((line) => line.length > 72)).toEqual([])
      }
  })

  test('one imprint stands once; different ones each under the name of their newsletter', () => {
    expect(confirmation({ asked: [DAILY, WEEKLY] }).imprint).toEqual(PUBLICATION.imprint.split('\n'))
    const other = { ...WEEKLY, imprint: 'Hafenverlag, Kai 7' }
    expect(confirmation({ asked: [DAILY, other] }).imprint).toEqual([
      'Welt & Technik:',
      ...PUBLICATION.imprint.split('\n'),
      'Der Hafen:',
      'Hafenverlag, Kai 7',
    ])
    expect(confirmation({ asked: [{ ...DAILY, imprint: '' }] }).html).not.toContain('Impressum')
  })

  test('a hostile name stays text', () => {
    const { html, subject } = confirmation({ asked: [{ ...DAILY, name: '<script>x</script> {{ 1 }}\r\nBcc: a@b.c' }] })
    expect(html).not.toContain('<script>')
    expect(subject).not.toMatch(/[\r\n]|\{\{/)
  })
})

describe('its templates', () => {
  const read = (name: string) =>
    readFile(new globalThis.URL(`../../../templates/mail/${name}`, import.meta.url), 'utf8')

  test('may be overridden, and are checked before anything is queued', async () => {
    const txt = await read('confirmation.txt')
    await writeFile(join(dir, 'mail/confirmation.txt'), `Eigenes\n${txt}`)
    const own = await loadTemplates({ dir })
    expect(() => checkTemplates(own, PUBLICATION)).not.toThrow()
    await writeFile(join(dir, 'mail/confirmation.txt'), txt.replace('{{ confirmUrl }}', ''))
    const linkless = await loadTemplates({ dir })
    expect(() => checkTemplates(linkless, PUBLICATION)).toThrow(/confirmation\.txt.*does not show.*confirmUrl/)
    await writeFile(join(dir, 'mail/confirmation.txt'), txt.replace('{{ otherwise', '{{ otherwize'))
    const misspelt = await loadTemplates({ dir })
    expect(() => checkTemplates(misspelt, PUBLICATION)).toThrow(/confirmation\.txt cannot be used: line \d+.*otherwize/)
  })
})
