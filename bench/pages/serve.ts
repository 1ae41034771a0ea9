import { type Serving, startServing } from '../../tests/server/start-server.ts'

/** Courant as an operator has it: all roles in one process, or the web in one of its own. */
export type BenchServer = { readonly url: string; readonly pids: readonly number[]; readonly stop: () => Promise<void> }

export type Roles = 'one process' | 'web apart'

/** Starts `courant serve`. */
export async function startServers(roles: Roles, environment: Record<string, string>): Promise<BenchServer> {
  const processes = roles === 'one process' ? [undefined] : ['web', 'scheduler,worker']
  const servers: Serving[] = []
  for (const some of processes) servers.push(await startServing(environment, some))
  return {
    url: servers[0]?.url ?? '',
    pids: servers.map(({ child }) => child.pid ?? 0),
    stop: async () => {
      for (const { child } of servers) child.kill('SIGTERM')
      await Promise.all(servers.map(({ ended }) => ended))
    },
  }
}
