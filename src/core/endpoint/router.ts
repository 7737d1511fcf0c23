import type { Contract } from '../../wire/contract.ts'
import { Denial, deny } from '../../wire/errors.ts'
import { aFunction, assertKind, type OptionKind } from '../../wire/options.ts'
import type { Application, Handshake } from '../api/handshake.ts'
import { paramsOf } from '../admission/authorize-peer.ts'

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
  return async (handshake) => {
    for (const application of applications) if (await tried(application, handshake)) return
    deny(404, 'not-found', 'there is no such endpoint', { detail })
  }
}

async function tried(application: Routed, handshake: Handshake): Promise<boolean> {
  try {
    if (application.contract !== undefined) paramsOf(application.contract, handshake)
  } catch (error) {
    return passedOn(error)
  }
  if (application.contract !== undefined) await application(handshake)
  else return application(handshake).then(() => true, passedOn)
  return true
}

/** Passes on a 404 for the path. Any other error is final. */
function passedOn(error: unknown): false {
  if (error instanceof Denial && error.reason === 'not-found' && error.status === 404) return false
  throw error
}
