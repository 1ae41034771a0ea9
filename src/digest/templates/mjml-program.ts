import { text } from 'node:stream/consumers'
import { runMjml } from './mjml-run.ts'

// MJML on stdin, what mjml makes of it as JSON on stdout: what `runMjmlInSubprocess` starts.
process.stdout.write(JSON.stringify(await runMjml(await text(process.stdin))))
