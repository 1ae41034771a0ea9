import { describe, expect, test } from 'vitest'
import { makeProgram } from '../../src/main.ts'
import { ADD_TAGBLATT, NOON } from '../subscribers/fixtures.ts'
import { contextOf, MUTE } from '../support/command-line.ts'
import { freshDatabase } from '../support/fresh.ts'
import { courantOn, deskOf } from './commanding.ts'

const { db } = await freshDatabase()

const courant = courantOn(db)
const wrongUsage = { code: 'usage' }

describe('courant newsletter', () => {
  test('add takes MAIL_FROM as sender, and warns where there is no imprint', async () => {
    const { results, warnings } = await courant('newsletter', 'add', '--slug', 'tagblatt', '--name', 'Tagblatt')

    expect(results).toEqual([
      {
        slug: 'tagblatt',
        name: 'Tagblatt',
        locale: 'de',
        zone: 'Europe/Berlin',
        hour: 7,
        from: 'Haus <haus@verlag.example>',
        replyTo: null,
        imprint: null,
        frequency: 'daily',
        frequencies: ['instant', 'daily', 'weekdays', 'weekly', 'monthly'],
        maxArticles: 12,
        minArticles: 1,
        graceHours: 6,
        accent: '#1a5276',
        headlineColour: null,
        headlineFont: 'serif',
        logoUrl: null,
        logoDarkUrl: null,
        logoAlt: null,
        logoWidth: null,
        logoHeight: null,
        logoPlace: 'instead',
        intro: null,
        state: 'active',
        createdAt: NOON.toString(),
      },
    ])
    expect(warnings).toEqual([expect.stringContaining('no imprint')])
    expect(
      (await courant('newsletter', 'add', '--slug', 'zwei', '--name', 'Zwei', '--imprint', 'Verlag')).warnings,
    ).toEqual([])
  })

  test('set and show say all fields, list says a line each', async () => {
    await courant(...ADD_TAGBLATT)
    const options = [
      '--hour',
      '18',
      '--zone',
      'Europe/Vienna',
      '--reply-to',
      'post@verlag.example',
      '--max-articles',
      '20',
      '--grace-hours',
      '12',
    ]
    const more = [
      '--accent',
      '#123456',
      '--headline-font',
      'sans',
      '--intro',
      'Guten Abend',
      '--from',
      'Abend <a@verlag.example>',
    ]
    const expected = {
      hour: 18,
      zone: 'Europe/Vienna',
      replyTo: 'post@verlag.example',
      maxArticles: 20,
      graceHours: 12,
      accent: '#123456',
      headlineFont: 'sans',
      intro: 'Guten Abend',
      from: 'Abend <a@verlag.example>',
    }

    expect((await courant('newsletter', 'set', 'tagblatt', ...options, ...more)).results).toMatchObject([expected])
    expect((await courant('newsletter', 'show', 'tagblatt')).results).toMatchObject([expected])
    await courant('newsletter', 'add', '--slug', 'abend', '--name', 'Abend', '--imprint', 'Verlag')
    expect((await courant('newsletter', 'list')).results).toMatchObject([{ slug: 'abend' }, expected])
  })

  test('pause and resume say the state and the editions that went along', async () => {
    await courant(...ADD_TAGBLATT)
    const { results, texts } = await courant('newsletter', 'pause', 'tagblatt')
    expect(results).toMatchObject([{ slug: 'tagblatt', state: 'paused', editions: [] }])
    expect(texts).toEqual(['Paused newsletter "tagblatt".'])
    await expect(courant('newsletter', 'pause', 'tagblatt')).rejects.toMatchObject({ code: 'newsletter.state' })
    expect((await courant('newsletter', 'resume', 'tagblatt')).results).toMatchObject([
      { state: 'active', editions: [] },
    ])
    await expect(courant('newsletter', 'resume', 'tagblatt')).rejects.toThrow('is active already')
  })

  test('delete wants --yes where nobody can be asked, and frees the slug', async () => {
    await courant(...ADD_TAGBLATT)
    await courant('subscriber', 'add', 'a@example.com')
    await expect(courant('newsletter', 'delete', 'tagblatt')).rejects.toMatchObject(wrongUsage)
    expect((await courant('newsletter', 'list')).results).toHaveLength(1)
    expect((await courant('newsletter', 'delete', 'tagblatt', '--yes')).results).toEqual([
      { slug: 'tagblatt', name: 'Tagblatt', state: 'deleted', readers: 1, editions: [] },
    ])
    expect((await courant('newsletter', 'list')).results).toEqual([])
    await expect(courant('newsletter', 'delete', 'tagblatt', '--yes')).rejects.toMatchObject({
      code: 'newsletter.unknown',
    })
    expect((await courant(...ADD_TAGBLATT)).results).toMatchObject([{ slug: 'tagblatt', state: 'active' }])
  })

  test('a wrong value is wrong usage, and all are named', async () => {
    await courant(...ADD_TAGBLATT)
    await expect(
      courant('newsletter', 'set', 'tagblatt', '--hour', '25', '--frequency', 'hourly'),
    ).rejects.toMatchObject({
      ...wrongUsage,
      message: expect.stringMatching(/hour.*frequency/),
    })
    await expect(courant('newsletter', 'add', '--name', 'Tagblatt')).rejects.toMatchObject({ name: 'CommanderError' })
    await expect(courant('newsletter', 'show', 'zwei')).rejects.toMatchObject({ code: 'newsletter.unknown' })
  })

  test('is named by the argument or by --newsletter, and may be left out where there is only one', async () => {
    await courant(...ADD_TAGBLATT)
    const tagblatt = [{ slug: 'tagblatt' }]
    expect((await courant('newsletter', 'show', '--newsletter', 'tagblatt')).results).toMatchObject(tagblatt)
    expect((await courant('newsletter', 'set', '--hour', '9')).results).toMatchObject([{ slug: 'tagblatt', hour: 9 }])
    await courant('subscriber', 'add', 'eva@example.com', '--confirmed', '--evidence', 'card')
    expect((await courant('subscriber', 'list', 'tagblatt')).results).toHaveLength(1)
    await expect(courant('article', 'list', 'tagblatt', '--newsletter', 'zwei')).rejects.toMatchObject(wrongUsage)
    await expect(courant('newsletter', 'delete', '--yes')).rejects.toMatchObject(wrongUsage)
  })

  test('a mistyped command or option is answered with the one that was meant', async () => {
    const mistakes = [
      [['newsletters', 'list'], 'Did you mean newsletter?'],
      [['newsletter', 'lst'], 'Did you mean list?'],
      [['newsletter', 'show', '--newsleter', 'tagblatt'], 'Did you mean --newsletter?'],
    ] as const
    for (const [words, meant] of mistakes) await expect(courant(...words)).rejects.toThrow(meant)
  })

  test('help says what a new newsletter has for what is left out', async () => {
    const { db: _, ...desk } = deskOf(db)
    const program = await makeProgram(
      contextOf(
        { ...desk, db: null },
        () => {},
        () => {},
      ),
      ['newsletter'],
      MUTE,
    )
    const add = program.commands[0]?.commands.find((command) => command.name() === 'add')
    const help = add?.helpInformation() ?? ''
    for (const shown of [
      '(default: de)',
      '(default: Europe/Berlin)',
      '(default: 7)',
      '(default: daily)',
      '(default: 12)',
    ])
      expect(help.replace(/\s+/g, ' ')).toContain(shown)
  })
})
