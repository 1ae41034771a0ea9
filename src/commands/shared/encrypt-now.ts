import type { Database } from '../../db/client.ts'

/** Encrypts what sources keep in clear or under an old SECRET. */
export async function keepSecretsEncrypted(db: Database, secrets: readonly string[]): Promise<void> {
  const [{ encryptSecrets }, { openSecretCipher }] = await Promise.all([
    import('../../articles/sources/encrypt-secrets.ts'),
    import('../../articles/sources/secrets.ts'),
  ])
  await encryptSecrets(db, openSecretCipher(secrets))
}
