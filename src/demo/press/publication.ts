/** One of the demo's newspapers; its feed lies at `/<slug>/<feed.file>`. */
export type DemoPublication = {
  readonly slug: string
  readonly title: string
  readonly tagline: string
  readonly language: 'de' | 'en'
  /** IANA; the zone its pages give times in. */
  readonly timeZone: string
  readonly feed: { readonly format: 'rss' | 'atom' | 'json'; readonly file: string }
  /** Colours of the masthead's rule and links, each 4.5:1 or better on its ground. */
  readonly accent: { readonly light: string; readonly dark: string }
}

/** The three newspapers of the demo, one for each format of feed. */
export const DEMO_PUBLICATIONS: readonly DemoPublication[] = [
  {
    slug: 'welt-und-technik',
    title: 'Welt & Technik',
    tagline: 'Wissenschaft, Wirtschaft, Kultur – und was die Dinge bewegt',
    language: 'de',
    timeZone: 'Europe/Berlin',
    feed: { format: 'rss', file: 'feed.xml' },
    accent: { light: '#0b5c7a', dark: '#7cc4e0' },
  },
  {
    slug: 'landblatt',
    title: 'Landblatt',
    tagline: 'Nachrichten aus Dorf, Garten und Küche',
    language: 'de',
    timeZone: 'Europe/Berlin',
    feed: { format: 'atom', file: 'atom.xml' },
    accent: { light: '#3d6b35', dark: '#9fcf93' },
  },
  {
    slug: 'harbour',
    title: 'The Harbour Review',
    tagline: 'Letters, science and news from the water’s edge',
    language: 'en',
    timeZone: 'Europe/London',
    feed: { format: 'json', file: 'feed.json' },
    accent: { light: '#8a3b2e', dark: '#f0a798' },
  },
]
