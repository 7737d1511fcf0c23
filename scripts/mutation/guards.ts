// Which files guard something, and the tests that must notice when one of their checks is gone.

/** A file whose checks are removed one at a time. */
export interface Guarded {
  readonly file: string
  readonly tests: readonly string[]
}

type Guard = (name: string, ...tests: readonly string[]) => Guarded

const inFolder =
  (folder: string): Guard =>
  (name, ...tests) => ({ file: `src/${folder}/${name}.ts`, tests: tests.map((one) => `test/${one}`) })

const core = inFolder('core')
const auth = inFolder('auth')
const wire = inFolder('wire')
const node = inFolder('transports/node')

/** Handshake, credential, token, origin, authorization and lifetime. */
export const guarded: readonly Guarded[] = [
  core(
    'admit',
    'core/admit',
    'core/doors',
    'core/gate',
    'core/endpoint',
    'core/events',
    'transports/faces',
    'security/credential-guessing',
  ),
  core('authenticate', 'core/doors', 'core/endpoint', 'auth/sessions', 'core/events'),
  core(
    'credentials',
    'core/credentials',
    'security/duplicate',
    'security/cookie',
    'security/query',
    'auth/basic',
  ),
  core('doors', 'core/doors', 'core/endpoint', 'core/enter', 'core/first-message'),
  core(
    'enter',
    'core/enter',
    'core/endpoint',
    'core/lifetime',
    'core/first-message',
    'core/connection-cap',
    'core/identity-rate',
    'security/late-credential',
    'security/credential-guessing',
  ),
  core('first-message', 'core/first-message', 'core/limits-at-the-edge', 'security/late-credential'),
  core('gate', 'core/gate', 'core/limits-at-the-edge'),
  core('guesses', 'core/gate', 'core/allowances', 'security/credential-guessing', 'core/events'),
  core('network', 'core/network'),
  core('connection-cap', 'core/connection-cap'),
  core('allowances', 'core/allowances', 'core/identity-rate'),
  core('identity', 'core/enter', 'core/lifetime', 'core/doors'),
  core('lifetime', 'core/lifetime', 'core/standing', 'core/refresh', 'core/events', 'model/'),
  core('standing', 'core/standing', 'core/lifetime', 'core/refresh', 'core/events', 'model/'),
  core('refresh', 'core/refresh', 'client/refresh', 'core/events'),
  core('flights', 'core/lifetime', 'core/standing'),
  core('orders', 'core/orders', 'core/refresh', 'core/lifetime', 'core/events', 'model/'),
  core('revocations', 'core/revocations', 'core/lifetime', 'core/refresh', 'model/'),
  core('registry', 'core/registry', 'core/lifetime', 'core/refresh', 'core/connection-cap', 'model/'),
  core('alarms', 'core/alarms', 'core/lifetime'),
  core('origin', 'core/doors', 'core/limits-at-the-edge', 'transports/handshake'),
  core('refusal', 'core/doors', 'transports/faces', 'transports/wire', 'core/endpoint'),
  core('requires', 'core/requires'),
  core(
    'conduct',
    'core/events',
    'core/endpoint',
    'core/limits',
    'core/limits-at-the-edge',
    'core/identity-rate',
  ),
  core('limits', 'core/limits', 'core/endpoint', 'core/identity-rate'),
  core('places', 'core/groups', 'core/presence', 'core/enter', 'core/lifetime'),
  core('keys', 'core/groups'),
  core('occupant', 'core/lifetime', 'core/endpoint', 'core/refresh', 'core/events'),
  core(
    'opening',
    'core/opening',
    'core/endpoint',
    'core/lifetime',
    'core/inside',
    'core/sending',
    'core/events',
  ),
  core('same-grant', 'core/same-grant'),
  auth('sessions', 'auth/sessions', 'security/cookie-twice'),
  auth('jwt', 'auth/jwt', 'security/jwt', 'auth/jwks'),
  auth('bearer', 'auth/jwt', 'security/jwt', 'auth/jwks', 'auth/oidc/access'),
  auth('signature', 'auth/jwt', 'security/jwt', 'auth/jwks'),
  auth('signed-token', 'auth/jwt', 'security/jwt', 'auth/oidc/access'),
  auth(
    'claims',
    'auth/claims',
    'security/jwt-claims',
    'auth/jwt',
    'auth/oidc/access',
    'auth/oidc/introspection',
  ),
  auth('compact-token', 'auth/jwt', 'security/jwt', 'auth/hmac'),
  auth('hmac', 'auth/hmac', 'auth/jwt', 'security/jwt'),
  auth('verification-key', 'auth/jwt', 'security/jwt', 'auth/jwks'),
  auth('jwks', 'auth/jwks', 'auth/jwt', 'security/jwks-storm'),
  auth('bounded-fetch', 'auth/jwks', 'auth/oidc/', 'security/jwks-storm', 'security/oidc-'),
  auth('remote', 'auth/jwks', 'auth/oidc/discovery', 'security/oidc-key-flood', 'security/jwks-storm'),
  auth('secure-url', 'auth/oidc/discovery', 'auth/oidc/introspection'),
  auth('secrets', 'auth/tickets', 'auth/jwt', 'auth/django-sessions', 'auth/express-session', 'auth/authjs'),
  auth('tickets', 'auth/tickets', 'security/ticket-replay-race'),
  auth('api-keys', 'auth/api-keys'),
  auth('basic', 'auth/basic'),
  auth('django', 'auth/django-sessions'),
  auth('django-signing', 'auth/django-sessions'),
  auth('express-session', 'auth/express-session'),
  auth('follow-sessions', 'auth/express-session'),
  auth('better-auth-sessions', 'auth/better-auth.test', 'auth/better-auth-revocations'),
  auth('better-auth-revocations', 'auth/better-auth-revocations'),
  auth('authjs', 'auth/authjs'),
  auth('oidc/access-token', 'auth/oidc/access', 'security/oidc-wrong-token', 'security/oidc-mix-up'),
  auth('oidc/answers', 'auth/oidc/answers', 'auth/oidc/introspection', 'security/oidc-answer-swap'),
  auth('oidc/backchannel-logout', 'auth/oidc/backchannel', 'security/oidc-logout-replay'),
  auth('oidc/introspection', 'auth/oidc/introspection', 'auth/oidc/answers', 'security/oidc-answer-swap'),
  auth('oidc/introspection-endpoint', 'auth/oidc/introspection', 'security/oidc-'),
  auth(
    'oidc/logout-token',
    'auth/oidc/backchannel',
    'security/oidc-logout-replay',
    'security/oidc-wrong-token',
  ),
  auth(
    'oidc/metadata',
    'auth/oidc/discovery',
    'security/oidc-discovery-bombs',
    'security/oidc-keys-elsewhere',
    'security/oidc-mix-up',
  ),
  auth('oidc/provider', 'auth/oidc/discovery', 'security/oidc-mix-up'),
  wire('carrier', 'wire/carrier', 'security/subprotocol-echo', 'core/credentials'),
  wire('path', 'wire/path'),
  wire('json', 'wire/json', 'security/jwt-claims'),
  wire('from-base64url', 'wire/base64url'),
  node('request', 'transports/request', 'transports/attach', 'security/header-smuggling'),
  node('handshake', 'transports/handshake', 'transports/wire', 'security/subprotocol-echo'),
  node(
    'knocking',
    'transports/handshake',
    'transports/attach',
    'security/handshake-slow',
    'security/upgrade-reset',
  ),
  node('peer', 'transports/peer', 'transports/handshake'),
  node('declined', 'transports/attach'),
]
