import { afterAll, afterEach, beforeEach } from 'vitest'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { type FeedServer, startFeeds } from './feeds.ts'
import { type Sink, type SinkOptions, startSink } from './smtp.ts'

/** A migrated database of this test file's own: empty before each of its tests, closed after the last. */
export async function freshDatabase(): Promise<TestDatabase> {
  const database = await openTestDatabase()
  beforeEach(database.truncate)
  afterAll(database.close)
  return database
}

/** What starts an SMTP sink; each is closed when the test that started it ends. */
export function freshSinks(): (options?: SinkOptions) => Promise<Sink> {
  const sinks: Sink[] = []
  afterEach(() => Promise.all(sinks.splice(0).map((sink) => sink.close())))
  return async (options = {}) => {
    const started = await startSink(options)
    sinks.push(started)
    return started
  }
}

/** A feed server of this test file's own, closed after its last test. */
export async function openFeeds(): Promise<FeedServer> {
  const feeds = await startFeeds()
  afterAll(feeds.close)
  return feeds
}
