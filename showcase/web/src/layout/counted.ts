/**
 * A number with its noun.
 *
 * @example counted(2, 'socket') // '2 sockets'
 */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
