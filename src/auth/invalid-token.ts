/**
 * Why a token is refused: for operators, who read it as the denial's `detail`. It never holds a part of the
 * token.
 */
export class InvalidToken extends Error {
  override readonly name = 'InvalidToken'

  constructor(why: string) {
    // strangers make these by the thousand, and nobody reads where one was thrown
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(why)
    Error.stackTraceLimit = stackTraceLimit
  }
}

/**
 * Refuses a token.
 *
 * @throws InvalidToken always
 */
export function invalid(why: string): never {
  throw new InvalidToken(why)
}
