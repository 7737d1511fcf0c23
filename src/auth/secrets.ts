import { SallyportError } from '../wire/errors.ts'

/**
 * One secret, or several while one is being replaced.
 *
 * @param wrong what to say when one is missing
 * @throws SallyportError ERR_CONFIGURATION when there is none, or one is empty or no text: what comes from the environment
 * may be `undefined`, whatever its type says, and anyone could sign with that
 */
export function secretsOf(secret: string | readonly string[], wrong: string): readonly string[] {
  const secrets = Array.isArray(secret) ? secret : [secret]
  if (secrets.length > 0 && secrets.every((one) => typeof one === 'string' && one !== '')) return secrets
  throw new SallyportError('ERR_CONFIGURATION', wrong)
}
