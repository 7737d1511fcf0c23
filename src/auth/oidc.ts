/** OpenID Connect and OAuth 2: a provider, its tokens of both kinds, and the end of its sessions. */
export { type AccessClaims, oidc, type OidcOptions } from './oidc/access-token.ts'
export {
  backchannelLogout,
  type BackchannelLogoutOptions,
  type LogoutEvent,
} from './oidc/backchannel-logout.ts'
export { issuerScoped } from './issuer-scoped.ts'
export { type ClientCredentials, introspection, type IntrospectionOptions } from './oidc/introspection.ts'
export {
  type Provider,
  provider,
  type ProviderMetadata,
  type ProviderOptions,
  type SubjectStatement,
} from './oidc/provider.ts'
