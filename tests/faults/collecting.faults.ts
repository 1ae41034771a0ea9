import { afterAll } from 'vitest'
import { startFeeds } from '../support/feeds.ts'
import { collectingFrom } from './collecting.ts'
import { describeFaults, inTurn } from './describe.ts'

const servers = [await startFeeds(), await startFeeds()] as const
afterAll(() => Promise.all(servers.map((server) => server.close())))

await describeFaults(collectingFrom(servers), inTurn)
