/**
 * The reason why a token is refused, for operators: it becomes the denial's `detail`. It never holds a part
 * of the token. It is a value and no exception, because attackers cause these by the thousand.
 */
export class InvalidToken {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}
