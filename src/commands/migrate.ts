import type { Command } from 'commander'
import { openDatabase } from '../db/client.ts'
import { migrateDatabase } from '../db/migrate.ts'
import type { CommandContext } from './shared/command-context.ts'
import { keepSecretsEncrypted } from './shared/encrypt-now.ts'

/** `courant migrate`: brings the database's schema up to date. */
export function registerMigrate(program: Command, context: CommandContext): void {
  program
    .command('migrate')
    .description("bring the database's schema up to date")
    .action(async () => {
      const opened = await openDatabase(context.config().databaseUrl)
      try {
        const applied = await migrateDatabase(opened.db, context.clock.now())
        await keepSecretsEncrypted(opened.db, context.config().secrets)
        context.print({ applied }, applied === 0 ? 'The schema is up to date.' : `${applied} migrations applied.`)
      } finally {
        await opened.close()
      }
    })
}
