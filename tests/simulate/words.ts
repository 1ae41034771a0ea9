import type { Act } from './acts.ts'

/** An act in one line: its day and time from the start by the true clock, what is done, and what befalls who does it. */
export function sayAct({ at, deed, trap }: Act): string {
  const [day, seconds] = [Math.floor(at / 86_400), at % 86_400]
  const time = new Date(seconds * 1000).toISOString().slice(11, 19)
  const { kind, ...rest } = deed
  const fate =
    trap === null
      ? ''
      : ` · ${trap.does}s${trap.does === 'fail' ? ` with ${trap.code}, ${trap.times} times,` : ''} ${trap.when} statement ${trap.at}${trap.on === null ? '' : ` of “${trap.on}”`}`
  return `day ${day} ${time} ${kind} ${JSON.stringify(rest)}${fate}`
}

/** Prints a line. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
