import { openDatabase } from '../../src/db/client.ts'

/** A process that opens the database named by its argument, says so, and closes it when its standard input ends. */
const opened = await openDatabase(process.argv[2] ?? '')
process.stdout.write('open\n')
for await (const _ of process.stdin) void _
await opened.close()
