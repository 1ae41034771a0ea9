import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { findNewsletter, listNewsletters } from '../../src/newsletters/newsletters.ts'
import { subscribe } from '../../src/subscribers/signup/subscribe.ts'
import {
  addEntries,
  addTagblatt,
  choosing,
  EVIDENCE,
  LAST_SLOT,
  moveWatermarks,
  NOON,
  TAGBLATT,
  wish,
} from '../subscribers/fixtures.ts'
import { freshDatabase } from '../support/fresh.ts'
import { addNewsletter, changeNewsletter } from '../support/newsletters.ts'

const { db } = await freshDatabase()

const cohorts = async () => {
  const found = await db.execute(sql`
    select frequency, weekday, hour, zone, part, home, seen_entry_id as seen, next_due_at at time zone 'UTC' as due from cohort order by id`)
  return found.rows
}

describe('addNewsletter', () => {
  test('makes the newsletter with sensible values for what is left out', async () => {
    expect(await addNewsletter(db, TAGBLATT, NOON)).toMatchObject({
      slug: 'tagblatt',
      locale: 'de',
      zone: 'Europe/Berlin',
      hour: 7,
      frequency: 'daily',
      fromName: 'Redaktion',
      fromAddress: 'brief@tagblatt.example',
      imprint: null,
      maxArticles: 12,
      minArticles: 1,
      headlineFont: 'serif',
    })
  })

  test('makes its home cohort, which has seen nothing and is due at its first slot', async () => {
    await addTagblatt(db)

    expect(await cohorts()).toEqual([
      {
        frequency: 'daily',
        weekday: null,
        hour: 7,
        zone: 'Europe/Berlin',
        part: 0,
        home: true,
        seen: 0,
        due: expect.stringMatching(/^2025-01-16 06:00:00/),
      },
    ])
  })

  test('a weekly home stands on Monday, an instant one has no hour', async () => {
    await addTagblatt(db, { frequency: 'weekly' })
    await addTagblatt(db, { slug: 'eilig', frequency: 'instant' })

    expect(await cohorts()).toMatchObject([
      { frequency: 'weekly', weekday: 1, hour: 7 },
      { frequency: 'instant', weekday: null, hour: null },
    ])
  })

  test('takes the name of the newsletter for a sender without one, and quoted names', async () => {
    expect(await addTagblatt(db, { from: 'brief@tagblatt.example' })).toMatchObject({ fromName: 'Tagblatt' })
    expect(await addTagblatt(db, { slug: 'zwei', from: '"Tag, Blatt" <brief@tagblatt.example>' })).toMatchObject({
      fromName: 'Tag, Blatt',
    })
  })

  test('names every wrong field at once', async () => {
    const wrong = {
      slug: 'Tag Blatt',
      locale: 'fr',
      zone: 'Berlin',
      hour: '24',
      from: 'a@b.example, c@d.example',
      replyTo: 'nobody',
      frequency: 'hourly',
      maxArticles: '0',
      minArticles: '',
      accent: 'blue',
      headlineFont: 'comic',
    }
    const error = await addNewsletter(db, wrong, NOON).catch((thrown) => thrown)

    expect(error.code).toBe('newsletter.invalid')
    for (const field of [...Object.keys(wrong), 'name']) expect(error.message).toContain(`${field} `)
    expect(await listNewsletters(db)).toEqual([])
  })

  test('refuses a sender with a line break and fewer articles at most than at least', async () => {
    const invalid = { code: 'newsletter.invalid' }
    await expect(addTagblatt(db, { from: 'Tag\r\nBcc: x <brief@tagblatt.example>' })).rejects.toMatchObject(invalid)
    await expect(addTagblatt(db, { minArticles: 5, maxArticles: 4 })).rejects.toMatchObject(invalid)
    expect(await cohorts()).toEqual([])
  })

  test('refuses a slug that is there, also when two add it at once', async () => {
    const both = await Promise.allSettled([addTagblatt(db), addTagblatt(db)])

    expect(both.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(both.find((one) => one.status === 'rejected')?.reason).toMatchObject({ code: 'newsletter.exists' })
    expect(await cohorts()).toHaveLength(1)
  })
})

describe('findNewsletter', () => {
  test('finds by slug, and the only one without', async () => {
    await addTagblatt(db)
    expect(await findNewsletter(db, 'tagblatt')).toMatchObject({ slug: 'tagblatt' })
    expect(await findNewsletter(db)).toMatchObject({ slug: 'tagblatt' })
  })

  test('says that there is none, or that there are several', async () => {
    await expect(findNewsletter(db)).rejects.toMatchObject({ code: 'newsletter.unknown' })
    await addTagblatt(db)
    await addTagblatt(db, { slug: 'zwei' })
    await expect(findNewsletter(db)).rejects.toMatchObject({ code: 'newsletter.ambiguous' })
    await expect(findNewsletter(db, 'drei')).rejects.toMatchObject({ code: 'newsletter.unknown' })
  })

  test('does not see a deleted one', async () => {
    await addTagblatt(db)
    await db.execute(sql`update newsletter set state = 'deleted'`)
    await expect(findNewsletter(db, 'tagblatt')).rejects.toMatchObject({ code: 'newsletter.unknown' })
    expect(await listNewsletters(db)).toEqual([])
  })
})

describe('changeNewsletter', () => {
  test('changes what is given and leaves the rest', async () => {
    await addTagblatt(db, { intro: 'Guten Morgen', imprint: 'Tagblatt GmbH' })

    const changed = await changeNewsletter(db, 'tagblatt', { name: 'Neues Tagblatt', intro: '' }, NOON)

    expect(changed).toMatchObject({ name: 'Neues Tagblatt', intro: null, imprint: 'Tagblatt GmbH', hour: 7 })
    expect(await changeNewsletter(db, 'tagblatt', {}, NOON)).toEqual(changed)
  })

  test('another hour moves the home to a new cohort with the old one’s watermark, and leaves readers where they are', async () => {
    const tagblatt = await addTagblatt(db)
    await addEntries(db, tagblatt, [LAST_SLOT])
    await moveWatermarks(db, tagblatt)
    const { subscriptionId } = await subscribe(db, wish(tagblatt, 'a@example.com', { confirmed: EVIDENCE }), NOON)
    await addEntries(db, tagblatt, [NOON])

    await changeNewsletter(db, 'tagblatt', { hour: 18 }, NOON)

    expect(await cohorts()).toMatchObject([
      { hour: 7, home: false, seen: 1 },
      { hour: 18, home: true, seen: 1, due: expect.stringMatching(/^2025-01-15 17:00:00/) },
    ])
    const reader = await db.execute(sql`select cohort_id from subscription where id = ${subscriptionId}`)
    expect(reader.rows).toEqual([{ cohort_id: 1 }])
  })

  test('another frequency moves the home to the cohort readers have made already, and back', async () => {
    const tagblatt = await addTagblatt(db)
    await subscribe(db, wish(tagblatt, 'a@example.com', choosing({ frequency: 'weekly' })), NOON)

    await changeNewsletter(db, 'tagblatt', { frequency: 'weekly' }, NOON)
    expect(await cohorts()).toMatchObject([
      { frequency: 'daily', home: false },
      { frequency: 'weekly', home: true },
    ])
    await changeNewsletter(db, 'tagblatt', { frequency: 'daily' }, NOON)
    expect(await cohorts()).toMatchObject([
      { frequency: 'daily', home: true },
      { frequency: 'weekly', home: false },
    ])
  })

  test('two changes at once leave one home', async () => {
    await addTagblatt(db)
    await Promise.all([18, 19, 20].map((hour) => changeNewsletter(db, 'tagblatt', { hour }, NOON)))

    const homes = (await cohorts()).filter((row) => row.home)
    expect(homes).toHaveLength(1)
    expect(homes[0]).toMatchObject({ hour: (await findNewsletter(db)).hour })
  })

  test('refuses what cannot be kept, and a newsletter that is not there', async () => {
    await addTagblatt(db)
    await expect(changeNewsletter(db, 'tagblatt', { hour: 99, locale: 'fr' }, NOON)).rejects.toMatchObject({
      code: 'newsletter.invalid',
      message: expect.stringMatching(/locale .*hour /),
    })
    await expect(changeNewsletter(db, 'tagblatt', { minArticles: 13 }, NOON)).rejects.toMatchObject({
      code: 'newsletter.invalid',
    })
    await expect(changeNewsletter(db, 'zwei', { hour: 8 }, NOON)).rejects.toMatchObject({ code: 'newsletter.unknown' })
  })
})
