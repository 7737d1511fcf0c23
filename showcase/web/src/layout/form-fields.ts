/** The texts of a form's fields by name; a checkbox that is not checked is not there. */
export function fieldsOf(form: HTMLFormElement): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    [...new FormData(form)].filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  )
}
