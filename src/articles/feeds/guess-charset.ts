/** An encoding, and what at least this share of the letters beyond ASCII in its texts are. */
type Script = { readonly encoding: string; readonly letters: RegExp; readonly share: number }

/** Kana stand in every Japanese text, and where no other encoding has letters. */
const JAPANESE: readonly Script[] = [
  { encoding: 'euc-jp', letters: /[\u3041-\u30fe]/g, share: 0.25 },
  { encoding: 'shift_jis', letters: /[\u3041-\u30fe]/g, share: 0.25 },
]
/** Small letters tell one Cyrillic encoding from another, which swaps the cases. */
const OTHERS: readonly Script[] = [
  { encoding: 'euc-kr', letters: /[가-힣]/g, share: 0.85 },
  { encoding: 'windows-1251', letters: /[а-яё]/g, share: 0.7 },
  { encoding: 'koi8-r', letters: /[а-яё]/g, share: 0.7 },
]
/** Fewer letters say nothing. */
const FEWEST = 12

/** Guesses the encoding of bytes that are no UTF-8 and that no declaration fits; null where nothing is certain. */
export function guessCharset(body: Buffer): string | null {
  const scripts = followOneAnother(body) ? [...JAPANESE, ...OTHERS] : JAPANESE
  return scripts.find((script) => fits(body, script))?.encoding ?? null
}

/**
 * Whether most letters beyond ASCII stand in rows. In the languages of Windows-1252 they stand alone or in pairs, so that
 * no text of theirs is taken for one in these scripts.
 */
function followOneAnother(body: Buffer): boolean {
  const rows = body.toString('latin1').match(/[\x80-\xff]+/g) ?? []
  const count = (list: readonly string[]) => list.reduce((sum, row) => sum + row.length, 0)
  return count(rows.filter((row) => row.length > 3)) >= 0.6 * count(rows)
}

function fits(body: Buffer, { encoding, letters, share }: Script): boolean {
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(body)
    const foreign = text.match(/[^\0-\x7f]/g)?.length ?? 0
    return foreign >= FEWEST && (text.match(letters)?.length ?? 0) >= share * foreign
  } catch {
    return false
  }
}
