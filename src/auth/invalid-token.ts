/**
 * Why a token is refused: for operators, who read it as the denial's `detail`. It never holds a part of the
 * token.
 */
export class InvalidToken extends Error {
  override readonly name = 'InvalidToken'
}

/**
 * Refuses a token.
 *
 * @throws InvalidToken always
 */
export function invalid(why: string): never {
  throw new InvalidToken(why)
}
