/**
 * What a row of an export says of its reader: `unwanted` readers get no mail (they unsubscribed, are blocked, bounced or
 * paused), `unconfirmed` ones have not agreed yet, whatever else the row says.
 */
type RowState = { readonly kind: 'wanted' | 'unconfirmed' } | { readonly kind: 'unwanted'; readonly reason: string }

/**
 * How a column tells the state of readers: it names states (`state`), or other things too (`stateLike`), or anything
 * (`other`); it says yes or no to one state, by a time or a number too (`wanted`, `confirmed`, `unwanted`).
 */
type Telling = 'state' | 'stateLike' | 'other' | 'wanted' | 'confirmed' | 'unwanted'
export type StateColumn = { readonly index: number; readonly name: string; readonly telling: Telling }

/** A word as it is compared: letters and digits alone, small and without marks, so that “Opted-Out” is “optedout”. */
export function foldWord(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toLowerCase()
    .replaceAll('ß', 'ss')
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter(Boolean))

/** States in which mail is wanted, as exports write them; folded by `foldWord`. */
const WANTED = words(`
  active activated subscribed enabled confirmed verified valid ok yes true y t 1 x on regular normal free paid comped premium
  subscriber member live engaged registered reachable granted optin optedin doubleoptin doubleoptedin doi singleoptin soi
  aktiv aktiviert angemeldet abonniert abonnent mitglied eingetragen bestatigt bestaetigt verifiziert gultig gueltig ja wahr
  freigegeben zugestimmt erreichbar registriert abonne inscrit actif suscrito activo iscritto attivo actief aangemeld`)

const UNCONFIRMED = words(`
  pending unconfirmed unverified unactivated notconfirmed notverified notactivated waiting requested invited new confirmationsent
  awaitingconfirmation optinpending doipending unbestatigt unbestaetigt nichtbestatigt nichtbestaetigt nichtaktiviert
  ausstehend wartend offen angefragt eingeladen neu nonconfirme enattente pendiente noconfirmado`)

/** States in which nobody may be mailed; no cell of a list says one of them by chance. */
const UNWANTED = words(`
  unsubscribed unsub optout optedout optedoutofemail blocklisted blocklist blacklisted blacklist blocked suppressed cleaned
  bounced bounce hardbounce hardbounced softbounced complained complaint spamcomplaint markedasspam reportedspam abuse spam
  unreachable undeliverable nonsubscribed notsubscribed neversubscribed didnotsubscribe inactive disabled deactivated deleted
  donotcontact donotmail donotemail abgemeldet ausgetragen abbestellt gekundigt gekuendigt widerrufen gesperrt geblockt blockiert
  gebounct gebounced unzustellbar nichtzustellbar unerwunscht unerwuenscht nichtangemeldet nichtabonniert inaktiv deaktiviert
  geloscht geloescht desabonne desinscrit desinscrite baja dadodebaja cancelado disiscritto uitgeschreven afgemeld`)

/** Said in a column that names a state, these mean the same; elsewhere they may mean anything. */
const UNWANTED_AS_STATE = words(`
  paused held onhold snoozed suspended left gone removed archived cancelled canceled expired rejected invalid transactional junk
  quarantined stopped unwanted no none never false n f 0 off pausiert ausgesetzt entfernt archiviert abgelaufen abgelehnt
  ungultig ungueltig nein nie falsch aus`)

const STATE_COLUMN =
  /^(e?mail|subscri\w*|contact|member|list|global|permission|marketing|optin|newsletter|kontakt|empfanger|empfaenger|abonnent\w*|abo)*(status|statuscode)$|^emailmarketingconsent$/
const STATE_LIKE_COLUMN = /(status|state|zustand|statut|estado|stato|consent|einwilligung|zustimmung)$/
const CONFIRMED_COLUMN = words(
  'confirmed isconfirmed verified isverified activated doubleoptin doi bestatigt bestaetigt verifiziert aktiviert',
)
const WANTED_COLUMN = words(`
  subscribed issubscribed subscribedtoemails subscribedtonewsletter active isactive enabled isenabled optin isoptin optedin
  emailoptin marketingoptin emailmarketingoptin acceptsmarketing acceptsemailmarketing aktiv istaktiv abonniert angemeldet`)
const UNWANTED_COLUMN = new RegExp(
  [
    '^(is|ist|has|been|e?mail|portal|global|marketing)*',
    '(unsub|unsubscribed?|unsubscribedfromall(emails?)?|optout|optedout(ofemail)?|blocklisted|blacklisted|blocked|suppressed',
    '|bounced?|hardbounced?|hardbounces|cleaned|complained|complaint|spam|spamreport|markedasspam|deleted|deactivated|disabled',
    '|inactive|cancelled|canceled|archived|donotemail|donotmail|donotcontact|dnc|removed',
    '|abgemeldet|abmeldung|abmelde|ausgetragen|austragung|austritts?|abbestellt|abbestell|gekundigt|kundigungs?|gesperrt|blockiert',
    '|unzustellbar|deaktiviert|inaktiv|geloscht|geloescht|widerrufen|widerrufs?)',
    '(at|on|am|date|time|timestamp|datum|zeit|zeitpunkt|reason|grund)?$|^(clean|left)(at|on|date|time)$',
  ].join(''),
)
const YES = words('yes true y t 1 x on ja wahr j')
/** What says that nothing is the case. */
const NO = words('no nein false falsch n f none null nil never nie nicht undefined na off aus')

/** The columns that may tell the state of readers: those that are not `used` otherwise. */
export function findStateColumns(names: readonly string[], used: ReadonlySet<number>): readonly StateColumn[] {
  return names.flatMap((name, index) => (used.has(index) ? [] : [{ index, name, telling: tellingOf(foldWord(name)) }]))
}

function tellingOf(name: string): Telling {
  if (STATE_COLUMN.test(name)) return 'state'
  if (CONFIRMED_COLUMN.has(name)) return 'confirmed'
  if (WANTED_COLUMN.has(name)) return 'wanted'
  if (UNWANTED_COLUMN.test(name)) return 'unwanted'
  return STATE_LIKE_COLUMN.test(name) ? 'stateLike' : 'other'
}

/**
 * What a row says of its reader's state. A state nobody knows, in a column that names states, counts as unwanted: who may be
 * mailed is never guessed.
 */
export function readState(columns: readonly StateColumn[], cells: readonly string[]): RowState {
  let kind: 'wanted' | 'unconfirmed' = 'wanted'
  for (const column of columns) {
    const cell = cells[column.index] ?? ''
    const said = readCell(column.telling, cell)
    if (said === 'unwanted' || said === 'unknown')
      return { kind: 'unwanted', reason: sayWhy(column.name, cell, said === 'unknown') }
    if (said === 'unconfirmed') kind = said
  }
  return { kind }
}

/** Longer cells name no state. */
const LONGEST_STATE = 40

function readCell(telling: Telling, cell: string): RowState['kind'] | 'unknown' {
  if (telling === 'unwanted') return isNo(cell) || /^https?:/i.test(cell) ? 'wanted' : 'unwanted'
  if (telling === 'confirmed') return isNo(cell) ? 'unconfirmed' : 'wanted'
  if (telling === 'wanted' && isNo(cell)) return 'unwanted'
  if (cell === '' || (cell.length > LONGEST_STATE && telling !== 'state')) return 'wanted'
  const word = foldWord(cell)
  if (UNWANTED.has(word)) return 'unwanted'
  if (telling === 'other') return 'wanted'
  if (UNWANTED_AS_STATE.has(word)) return 'unwanted'
  if (UNCONFIRMED.has(word)) return 'unconfirmed'
  return telling === 'state' && !WANTED.has(word) ? 'unknown' : 'wanted'
}

/** Whether a cell says yes, and nothing more. */
export const isYes = (cell: string): boolean => YES.has(foldWord(cell))

/** Whether a cell says that something is not the case; times of zeros are what databases write for never. */
function isNo(cell: string): boolean {
  return !/[1-9\p{L}]/u.test(cell) || NO.has(foldWord(cell))
}

function sayWhy(column: string, cell: string, isUnknown: boolean): string {
  const said =
    cell === '' ? `The column “${column}” is empty` : `The column “${column}” says “${cell.slice(0, LONGEST_STATE)}”`
  if (isUnknown) return `${said}, which is no known state. Leave the column out if it names no states.`
  return `${said}: this reader is not to be mailed.`
}
