import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'

/** Keeps all rows there are, but for the installation's, in a schema of this name. */
export async function saveRows(db: Database, name: string): Promise<void> {
  await db.execute(
    sql.raw(`
      do $$ declare name text; kept boolean; begin
        create schema ${name};
        for name in select relname from pg_class
          where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
            and relname not in ('migration', 'installation')
        loop
          execute format('select exists (select from public.%I)', name) into kept;
          if kept then execute format('create table ${name}.%I as table public.%I', name, name); end if;
        end loop;
        create table ${name}.kept_sequence as
          select sequencename as name, last_value from pg_sequences where schemaname = 'public' and last_value is not null;
      end $$`),
  )
}

/** Brings them back into empty tables, and sequences to where they stood: a quarter of the time that making them takes. */
export async function restoreRows(db: Database, name: string): Promise<void> {
  await db.execute(
    sql.raw(`
      do $$ declare name text; columns text; begin
        perform set_config('session_replication_role', 'replica', true);
        for name in select relname from pg_class
          where relnamespace = '${name}'::regnamespace and relkind = 'r' and relname <> 'kept_sequence'
        loop
          select string_agg(quote_ident(attname), ', ' order by attnum) into columns from pg_attribute
            where attrelid = format('public.%I', name)::regclass and attnum > 0 and not attisdropped and attgenerated = '';
          execute format('insert into public.%I (%s) overriding system value select %s from ${name}.%I',
            name, columns, columns, name);
        end loop;
        perform setval(format('public.%I', k.name)::regclass, k.last_value) from ${name}.kept_sequence k;
      end $$`),
  )
}
