import PostalMime from 'postal-mime'

/** The numbers of the articles in a mail, each once, in ascending order. */
export async function articleNumbers(raw: Buffer): Promise<readonly number[]> {
  const { text } = await PostalMime.parse(raw)
  const found = [...(text ?? '').matchAll(/Nachricht Nummer (\d+)/g)].map((match) => Number(match[1]))
  return [...new Set(found)].sort((a, b) => a - b)
}
