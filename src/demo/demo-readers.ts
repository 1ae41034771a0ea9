import type { Frequency } from '../db/schema/newsletter.ts'

/** A made-up subscriber of the demo; all addresses are of example domains (RFC 2606). */
type DemoReader = {
  readonly email: string
  readonly name: string
  readonly locale: 'de' | 'en'
  /** IANA. */
  readonly timeZone: string
  readonly frequency: Frequency
  /** 1 (Monday) to 7 with `weekly`, else null. */
  readonly weekday: number | null
  /** 0 to 23, null with `instant`. */
  readonly hour: number | null
  /** None means everything. */
  readonly topics: readonly string[]
}

/** The demo's subscribers: every frequency, many zones and scripts, some with topics and most without. */
export const DEMO_READERS: readonly DemoReader[] = [
  reader('lena.hoffmann@example.com', 'Lena Hoffmann', 'de', 'Europe/Berlin', daily(7)),
  reader('juergen.gross@example.com', 'Jürgen Groß', 'de', 'Europe/Berlin', daily(6), ['Energie', 'Technik']),
  reader('theresia.moser@example.net', 'Theresia Moser', 'de', 'Europe/Vienna', daily(7), ['Natur', 'Garten', 'Küche']),
  reader('urs.aebischer@example.org', 'Urs Aebischer', 'de', 'Europe/Zurich', weekdays(6)),
  reader('redaktion@example.org', 'Redaktion Musterblatt', 'de', 'Europe/Berlin', instant()),
  reader('k.nowak@example.net', 'Katarzyna Żółkiewska-Nowak', 'de', 'Europe/Warsaw', daily(8), ['Wissenschaft']),
  reader('elif.yildiz@example.com', 'Elif Yıldız', 'de', 'Europe/Istanbul', daily(9)),
  reader('francois.lefevre@example.com', 'François Lefèvre', 'de', 'Europe/Paris', weekly(1, 7), ['Kultur', 'Küche']),
  reader('bruno.knecht@example.net', 'Bruno Knecht', 'de', 'Europe/Berlin', weekly(6, 9), ['Region', 'Alltag']),
  reader('anna-lena.o@example.org', 'Anna-Lena O’Brien', 'de', 'Europe/Berlin', monthly(10)),
  reader('signe.aagaard@example.com', 'Signe Ågård', 'de', 'Europe/Copenhagen', daily(7), ['Verkehr', 'Energie']),
  reader('mehmet+news@example.net', 'Mehmet Çelik', 'de', 'Europe/Berlin', weekdays(17)),
  reader('eleni.p@example.org', 'Ελένη Παπαδοπούλου', 'de', 'Europe/Athens', daily(7)),
  reader('alice.marlowe@example.com', 'Alice Marlowe', 'en', 'Europe/London', daily(7)),
  reader('james.whitfield@example.net', 'James Whitfield', 'en', 'America/New_York', daily(6), ['Science', 'Books']),
  reader('haruka.sato@example.com', '佐藤 春香', 'en', 'Asia/Tokyo', daily(7)),
  reader('priya.raman@example.org', 'प्रिया रमन', 'en', 'Asia/Kolkata', weekdays(8), ['World', 'Economy']),
  reader('layla.haddad@example.com', 'ليلى حداد', 'en', 'Asia/Amman', daily(6)),
  reader('noa.levi@example.net', 'נועה לוי', 'en', 'Asia/Jerusalem', weekly(7, 8)),
  reader('min-jun.kim@example.com', '김민준', 'en', 'Asia/Seoul', daily(8), ['Science']),
  reader('oleksandra@example.org', 'Олександра Коваленко', 'en', 'Europe/Kyiv', instant(), ['Sea']),
  reader('tom.oriordan@example.net', 'Tom O’Riordan', 'en', 'America/St_Johns', daily(7), ['Sea', 'World']),
  reader('ruby.thornton@example.com', 'Ruby Thornton', 'en', 'Australia/Lord_Howe', daily(7)),
  reader('tebano.ioane@example.org', 'Tebano Ioane', 'en', 'Pacific/Kiritimati', monthly(9)),
  reader(
    'dr.a.very-long-address.with.many.parts@example.com',
    'Dr. Aurelia Wolfeschlegel',
    'en',
    'America/Chicago',
    daily(5),
  ),
]

type Timing = Pick<DemoReader, 'frequency' | 'weekday' | 'hour'>

function reader(
  email: string,
  name: string,
  locale: DemoReader['locale'],
  timeZone: string,
  timing: Timing,
  topics: readonly string[] = [],
): DemoReader {
  return { email, name, locale, timeZone, ...timing, topics }
}

function instant(): Timing {
  return { frequency: 'instant', weekday: null, hour: null }
}

function daily(hour: number): Timing {
  return { frequency: 'daily', weekday: null, hour }
}

function weekdays(hour: number): Timing {
  return { frequency: 'weekdays', weekday: null, hour }
}

function weekly(weekday: number, hour: number): Timing {
  return { frequency: 'weekly', weekday, hour }
}

function monthly(hour: number): Timing {
  return { frequency: 'monthly', weekday: null, hour }
}
