import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import { aFunction, assertKind, type OptionKind } from '../../wire/options.ts'
import type { Application, Handshake } from '../api/handshake.ts'
import { applicationOf, type Opening, openingOf } from '../admission/opening.ts'
import { andThen, type Awaitable } from '../runtime/awaitable.ts'

/** An application that may tell its path template. */
type Routed = Application & { readonly contract?: Contract }

const someApplications: OptionKind = {
  wanted: 'an array of endpoints and other applications',
  is: (value) => Array.isArray(value) && value.every(aFunction.is),
}

/**
 * Tries applications in order, and gives the handshake to the first that serves its path. An endpoint is
 * matched by its contract. An application without a contract (your own wrapper, another router) is called;
 * when it answers 404 before authentication, the next one is tried. Unknown paths are 404.
 *
 * @throws TypeError when one is no application, or two endpoints have the same path template
 * @example server.serve(router([room, bell, editor]))
 */
export function router(applications: readonly Routed[]): Application {
  assertKind('the argument of router()', applications, someApplications)
  const paths = applications.flatMap(({ contract }) =>
    contract === undefined ? [] : [contract.path.replaceAll(/:[^/]+/g, ':')],
  )
  const twice = paths.find((path, index) => paths.indexOf(path) !== index)
  if (twice !== undefined) throw new TypeError(`two endpoints answer at the same path: '${twice}'`)
  const served = applications.map(({ contract }) => contract?.path ?? 'an application without a contract')
  // an event holds this text for each path that a scanner tries
  const detail = `served: ${served.join(', ')}`.slice(0, 200)
  const routes = applications.map((application) => ({
    contract: application.contract ?? null,
    open: openingOf(application),
  }))
  return applicationOf((handshake) => openFrom(0, { routes, detail }, handshake))
}

interface Routes {
  readonly routes: readonly { readonly contract: Contract | null; readonly open: Opening }[]
  /** What is told to operators of a path that is not served. */
  readonly detail: string
}

/** Opens a handshake with the first route, from this one on, that serves its path. */
function openFrom(first: number, routing: Routes, handshake: Handshake): Awaitable<Denial | null> {
  for (let index = first; ; index++) {
    const route = routing.routes[index]
    if (route === undefined)
      return new Denial(404, 'not-found', 'there is no such endpoint', { detail: routing.detail })
    const { contract, open } = route
    if (contract === null)
      return andThen(open(handshake), (denial) =>
        isNotFound(denial) ? openFrom(index + 1, routing, handshake) : denial,
      )
    if (contract.template.match(handshake.path) !== null) return open(handshake)
  }
}

/** Whether a denial is a 404 for the path. Any other denial is final. */
function isNotFound(denial: Denial | null): boolean {
  return denial !== null && denial.reason === 'not-found' && denial.status === 404
}
