/**
 * The reason why a token is refused, for operators: it becomes the denial's `detail`. It never holds a part
 * of the token.
 */
export class InvalidToken extends Error {
  override readonly name = 'InvalidToken'

  constructor(why: string) {
    // attackers cause these by the thousand, and the stack is never read
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
