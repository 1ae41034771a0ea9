import { sayWeekday } from '../../locale/dates.ts'
import { type Locale, phrase } from '../../locale/locale.ts'
import { capitalised, sayWhen } from '../../locale/say-when.ts'
import { homeSchedule } from '../../newsletters/schedule/home-cohort.ts'
import { canonicalZone } from '../../newsletters/schedule/time-zone.ts'
import { topicKey } from '../../newsletters/topics.ts'
import { type FormChoices, frequenciesOf } from './form-choices.ts'
import type { EnteredFields, Field, FieldErrors } from './form-fields.ts'

type Option = { readonly value: string; readonly name: string; readonly chosen: boolean }

const ZONES = [...new Set(['UTC', ...Intl.supportedValuesOf('timeZone').map((name) => canonicalZone(name) ?? name)])]
/** As a select lists them: by part of the world. */
const ZONE_GROUPS = [...Map.groupBy(ZONES.sort(), (zone) => (zone.includes('/') ? (zone.split('/')[0] ?? '') : 'UTC'))]
const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour))
const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7]
/** Fields that stand in the part which is closed at first. */
const SETTINGS: readonly Field[] = ['frequency', 'weekday', 'hour', 'timeZone', 'topics']

/** The form before anything was typed: the newsletter's own frequency, hour and zone, or (of several) each its own. */
export function blankForm({ only }: FormChoices): EnteredFields {
  const home = only === null ? null : homeSchedule(only)
  return {
    newsletter: only === null ? [] : [only.slug],
    email: '',
    name: '',
    frequency: home?.frequency ?? '',
    weekday: '1',
    hour: String(only?.hour ?? ''),
    timeZone: home?.zone ?? '',
    topics: [],
  }
}

/** What the form's template is given: all choices, what was typed among them, each wrong field's sentence beside it. */
export function formView(
  offer: FormChoices,
  topics: readonly string[],
  typed: EnteredFields,
  wrongs: FieldErrors,
  locale: Locale,
) {
  const { only, newsletters } = offer
  const own = only === null ? [{ value: '', name: phrase(locale, 'pages.subscribe.asOffered') }] : []
  const option = (field: 'frequency' | 'weekday' | 'hour' | 'timeZone') => (value: string, name: string) => ({
    value,
    name,
    chosen: value === typed[field],
  })
  const optional = (field: 'frequency' | 'hour' | 'timeZone') =>
    own.map(({ value, name }) => option(field)(value, name))
  const picked = new Set(typed.topics.map(topicKey))
  const frequencies = only === null ? frequenciesOf(newsletters) : frequenciesOf([only])
  return {
    only: only === null ? null : { slug: only.slug, name: only.name },
    standard: only === null ? null : sayWhen(homeSchedule(only), locale),
    isOpen: SETTINGS.some((field) => wrongs[field] !== undefined) || differs(typed, blankForm(offer)),
    typed: { email: typed.email, name: typed.name },
    wrong: sayWrongs(wrongs, locale),
    wrongCount: Object.keys(wrongs).length,
    newsletters: newsletters.map((one) => ({
      slug: one.slug,
      name: one.name,
      when: capitalised(sayWhen(homeSchedule(one), locale), locale),
      chosen: typed.newsletter.includes(one.slug),
    })),
    frequencies: [
      ...optional('frequency'),
      ...frequencies.map((one) => option('frequency')(one, phrase(locale, `frequency.${one}.name`))),
    ],
    weekdays: WEEKDAYS.map((day) => option('weekday')(String(day), sayWeekday(day, locale))),
    hours: [...optional('hour'), ...HOURS.map((hour) => option('hour')(hour, sayHour(hour, locale)))],
    ownZone: optional('timeZone'),
    zones: ZONE_GROUPS.map(([name, zones]) => ({ name, zones: zones.map((zone) => option('timeZone')(zone, zone)) })),
    topics: topics.map((name): Option => ({ value: name, name, chosen: picked.has(topicKey(name)) })),
  }
}

/** A sentence for each field, null where nothing is wrong: the template asks for all of them. */
function sayWrongs(wrongs: FieldErrors, locale: Locale): Readonly<Record<Field, string | null>> {
  const say = (field: Field) => {
    const wrong = wrongs[field]
    return wrong === undefined ? null : phrase(locale, `pages.wrong.${wrong.sentence}`, wrong.values)
  }
  return {
    newsletter: say('newsletter'),
    email: say('email'),
    name: say('name'),
    frequency: say('frequency'),
    weekday: say('weekday'),
    hour: say('hour'),
    timeZone: say('timeZone'),
    topics: say('topics'),
  }
}

const sayHour = (hour: string, locale: Locale) => phrase(locale, 'pages.subscribe.oclock', { hour })

function differs(typed: EnteredFields, blank: EnteredFields): boolean {
  const isSame = SETTINGS.every(
    (field) => typed[field].toString() === '' || typed[field].toString() === blank[field].toString(),
  )
  return !isSame
}
