/** Who only passes work on to the database, or repeats it, names no place. */
const PASSING_ON = /\/src\/db\/|\/(overtaken|brief)\.ts$/

/** The function of the product that is running, with its file: `leaseBatch (send/lease.ts)`. */
export function codeSite(): string {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 40
  const { stack = '' } = new Error('where')
  Error.stackTraceLimit = stackTraceLimit
  for (const line of stack.split('\n')) {
    const [, name = '', path = ''] =
      /at (?:async )?(?:Promise\.all.*|(.*?) \()?(?:file:\/\/)?(\/[^)]*?):\d+:\d+\)?$/.exec(line) ?? []
    if (!path.includes('/src/') || path.includes('/node_modules/') || PASSING_ON.test(path)) continue
    // A function without a name was given to one that passes it on; who called that has one.
    if (name !== '') return `${name.replace(/^Object\./, '')} (${path.split('/').slice(-2).join('/')})`
  }
  return 'a test'
}
