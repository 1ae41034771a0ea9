import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** What each benchmark measures, by its name; `bench/<name>.ts` takes the words behind the name. */
const BENCHES: Readonly<Record<string, string>> = {
  deliver: '[readers] [rounds]: sending from queued to committed rows, beside smtp-source and a plain nodemailer pool',
  plan: '[readers]: planning 10,000, 100,000 and 1,000,000 readers on PostgreSQL, 100,000 on the embedded engine',
  soak: '[readers]: one worker sends a million messages: its memory, its pace, dead rows',
  embedded: 'planning and sending on the embedded engine, beside a plain nodemailer pool',
  pages: '[readers] [rounds]: 200 browsers beside a send, in one process and two: what each takes from the other',
  hostile: '[payloads] [seed]: a hundred sources made to do harm: how long /healthz takes beside them',
  smtp: '[port]: our SMTP client beside nodemailer’s, in CPU time a message',
}

const [name = '', ...words] = process.argv.slice(2)
const file = join(import.meta.dirname, `${name}.ts`)
if (name in BENCHES && existsSync(file)) {
  process.argv = [process.execPath, file, ...words]
  await import(file)
} else {
  console.error('npm run bench -- <name> [words]; results and how they came about are in bench/RESULTS.md')
  for (const [known, what] of Object.entries(BENCHES)) console.error(`  ${known} ${what}`)
  process.exitCode = name === '' ? 0 : 2
}
