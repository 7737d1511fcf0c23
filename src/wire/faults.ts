/**
 * What the compiler refuses in a contract, as sentences. Each type is a sentence where there is a fault, and
 * `never` where there is none: a message must arrive with the type that its sender gave it, and a name that
 * is refused at the start must not compile.
 */

/** For how many levels a type is looked into: recursive types are of any depth. */
type Levels = [1, 1, 1, 1, 1, 1, 1, 1]

/** What JSON changes on the way in a value of this type. `any` and `unknown` may be JSON, and pass. */
export type JsonFault<T, Left extends readonly unknown[] = Levels> = 0 extends 1 & T
  ? never
  : unknown extends T
    ? never
    : T extends string | number | boolean | null | undefined
      ? never
      : T extends bigint
        ? 'JSON cannot hold a bigint: send a string'
        : T extends symbol | ((...args: never) => unknown)
          ? 'JSON drops functions and symbols: leave it out of the message'
          : T extends Date
            ? 'JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()'
            : T extends ReadonlyMap<never, unknown> | ReadonlySet<unknown> | WeakKeyed
              ? 'JSON empties a Map and a Set: send an array or an object'
              : T extends ArrayBufferLike | ArrayBufferView
                ? 'JSON cannot hold bytes: make them a message of their own with binary, or send base64 text'
                : T extends { toJSON(...args: never): unknown }
                  ? 'JSON replaces an object that has a toJSON(): send the result of toJSON()'
                  : Left extends readonly [unknown, ...infer Rest]
                    ? PartFault<T, Rest>
                    : never

type WeakKeyed = WeakMap<never, unknown> | WeakSet<never>

type PartFault<T, Left extends readonly unknown[]> = T extends readonly (infer E)[]
  ? undefined extends E
    ? unknown extends E
      ? never
      : 'JSON turns undefined in an array into null: send null'
    : JsonFault<E, Left>
  : { [K in keyof T & string]-?: JsonFault<T[K], Left> }[keyof T & string]

/** What is wrong with the data of a named message: it travels as the fields of an object beside `type`. */
export type MessageFault<T> = 0 extends 1 & T
  ? never
  : unknown extends T
    ? never
    : T extends readonly unknown[] | string | number | boolean | null | undefined
      ? 'a named message must be an object'
      : 'type' extends KnownKeys<T>
        ? 'a named message cannot have a field called type'
        : JsonFault<T>

type KnownKeys<T> = keyof { [K in keyof T as string extends K ? never : K]: T[K] }

type Lower =
  | 'a'
  | 'b'
  | 'c'
  | 'd'
  | 'e'
  | 'f'
  | 'g'
  | 'h'
  | 'i'
  | 'j'
  | 'k'
  | 'l'
  | 'm'
  | 'n'
  | 'o'
  | 'p'
  | 'q'
  | 'r'
  | 's'
  | 't'
  | 'u'
  | 'v'
  | 'w'
  | 'x'
  | 'y'
  | 'z'
type Letter = Lower | Uppercase<Lower>
type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'

/** Whether a text has no other characters than these. */
type IsOf<N extends string, Chars extends string> = N extends ''
  ? true
  : N extends `${infer First}${infer Rest}`
    ? First extends Chars
      ? IsOf<Rest, Chars>
      : false
    : true

/** What is wrong with the name of a message, a call or an audience; a name that is not known before it runs passes. */
export type NameFault<N> = N extends string
  ? string extends N
    ? never
    : N extends 'error'
      ? "the name 'error' is reserved for denials"
      : N extends `${infer First}${infer Rest}`
        ? First extends Letter
          ? IsOf<Rest, Letter | Digit | '_' | '.' | '-'> extends true
            ? never
            : NoName
          : NoName
        : NoName
  : NoName
type NoName = "a name is a letter, then letters, digits, '_', '.' and '-'"

/** What is wrong with a path; one that is not known before it runs passes. */
export type PathFault<P extends string> = string extends P
  ? never
  : P extends `/${infer Rest}`
    ? SegmentsFault<Rest>
    : "a contract's path begins with '/'"

type SegmentsFault<P extends string> = P extends `${infer Segment}/${infer Rest}`
  ? SegmentFault<Segment> extends never
    ? SegmentsFault<Rest>
    : SegmentFault<Segment>
  : SegmentFault<P>

type SegmentFault<S extends string> = S extends `:${infer Name}`
  ? Name extends `${infer First}${infer Rest}`
    ? First extends Letter | '_'
      ? IsOf<Rest, Letter | Digit | '_'> extends true
        ? never
        : NoParam
      : NoParam
    : NoParam
  : S extends '.' | '..'
    ? NoSegment
    : IsOf<S, Letter | Digit | '.' | '_' | '~' | '-'> extends true
      ? never
      : NoSegment
type NoParam = "a path parameter is ':' and a letter or '_', then letters, digits and '_'"
type NoSegment = "a segment of a path holds letters, digits, '.', '_', '~' and '-', or is ':name'"
