/** Spans of OpenTelemetry for handshakes, messages and sends: `sallyport({ tracer: otel() })`. */
import {
  type Attributes,
  context,
  type Context,
  createTraceState,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer as OtelTracer,
  type TracerProvider,
} from '@opentelemetry/api'
import type { Tracer, TracedWork } from './core/api/tracer.ts'
import { Denial } from './wire/errors.ts'
import { aBoolean, checkedOptions, having, type OptionKinds, oneOf } from './wire/options.ts'
import type { TraceContext } from './wire/trace.ts'

/** The options of the tracer. */
export interface OtelOptions {
  /** Where spans go; by default the global provider. */
  readonly provider?: TracerProvider
  /**
   * What is done with the trace that a peer sends: `continue`, the default, continues it; `link` begins a new
   * trace with a link to it, so that peers decide neither ids nor sampling.
   */
  readonly remote?: 'continue' | 'link'
  /**
   * Whether messages to groups carry the `traceparent` of their sender; by default they do. `tracestate` is
   * never sent.
   */
  readonly tell?: boolean
}

const optionKinds: OptionKinds<OtelOptions> = {
  provider: having('getTracer'),
  remote: oneOf('continue', 'link'),
  tell: aBoolean,
}

/**
 * A tracer over `@opentelemetry/api` 1.9 or newer, an optional peer dependency. Without an SDK it does
 * nothing. Its spans hold no credentials, no content of messages, and no texts of errors, which may quote
 * both.
 * @throws TypeError when an option is unknown or malformed
 *
 * @example sallyport({ tracer: otel() })
 */
export function otel(options: OtelOptions = {}): Tracer {
  options = checkedOptions('otel()', options, optionKinds)
  const { provider, remote = 'continue', tell = true } = options
  // looked up for each span: an SDK may be registered later, and the global provider works until then
  const tracer = (): OtelTracer => (provider ?? trace).getTracer('sallyport')
  return {
    run(work, callback) {
      const remoteContext = work.parent === null ? null : spanContextOf(work.parent)
      const { base, links } = origin(remoteContext, work, remote)
      const made = { kind: kinds[work.kind], attributes: attributesOf(work), links }
      const span = tracer().startSpan(nameOf(work), made, base)
      const own = tell ? traceContextOf(span.spanContext()) : null
      if (work.kind === 'handshake') handshakeSpans.add(span)
      return watched(span, () => context.with(trace.setSpan(base, span), () => callback(own)))
    },
  }
}

const kinds = {
  handshake: SpanKind.SERVER,
  message: SpanKind.CONSUMER,
  call: SpanKind.SERVER,
  send: SpanKind.PRODUCER,
} as const

/**
 * The spans of handshakes. The span of a handshake stays active inside its socket for as long as the socket
 * is open.
 */
const handshakeSpans = new WeakSet<Span>()

/**
 * The parent of a span. What a loop sends only links to its handshake: as its child, a socket that is open
 * for a day would have a trace of a day. A message without a trace of its own begins one: it came over a
 * connection, so the span that is active by chance is not its cause.
 */
function origin(
  remote: SpanContext | null,
  { kind }: TracedWork,
  how: 'continue' | 'link',
): { readonly base: Context; readonly links: Link[] } {
  const isLocal = kind === 'send' || (kind === 'handshake' && remote === null)
  const base = isLocal ? context.active() : ROOT_CONTEXT
  const active = trace.getSpan(base)
  if (kind === 'send' && active !== undefined && handshakeSpans.has(active))
    return { base: trace.deleteSpan(base), links: [{ context: active.spanContext() }] }
  if (remote === null) return { base, links: [] }
  return how === 'link'
    ? { base, links: [{ context: remote }] }
    : { base: trace.setSpanContext(base, remote), links: [] }
}

/** The parts of a traceparent, which was checked when it was read. */
function spanContextOf({ traceparent, tracestate }: TraceContext): SpanContext {
  const [, traceId = '', spanId = '', flags = '0'] = traceparent.split('-')
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  }
}

function traceContextOf(own: SpanContext): TraceContext | null {
  if (!isSpanContextValid(own)) return null
  return { traceparent: `00-${own.traceId}-${own.spanId}-${own.traceFlags.toString(16).padStart(2, '0')}` }
}

/** The name has few values: templates and kinds, as the semantic conventions ask for. */
function nameOf({ kind, contract, type }: TracedWork): string {
  if (kind === 'handshake') return `GET ${contract}`
  if (kind === 'call') return `${contract}/${type ?? ''}`
  return `${kind === 'send' ? 'send' : 'process'} ${contract}`
}

/** Attributes, with names of the semantic conventions where there are any. */
function attributesOf(work: TracedWork): Attributes {
  const { kind, contract, path, type, id, subject, address } = work
  const common = {
    ...(id === null ? {} : { 'sallyport.handshake.id': id }),
    ...(subject === null ? {} : { 'user.id': subject }),
    ...(address === null ? {} : { 'client.address': address }),
  }
  if (kind === 'handshake')
    return { ...common, 'http.request.method': 'GET', 'http.route': contract, 'url.path': path ?? '' }
  if (kind === 'call')
    return { ...common, 'rpc.system': 'sallyport', 'rpc.service': contract, 'rpc.method': type ?? '' }
  const operation = kind === 'send' ? 'send' : 'process'
  return {
    ...common,
    'messaging.system': 'sallyport',
    'messaging.operation.type': operation,
    'messaging.operation.name': operation,
    'messaging.destination.template': contract,
    ...(path === null ? {} : { 'messaging.destination.name': path }),
    ...(type === null ? {} : { 'sallyport.message.type': type }),
  }
}

/** Ends a span with the result of its work, at once or when the work has settled. */
function watched<T>(span: Span, run: () => T): T {
  try {
    const result = run()
    if (!isThenable(result)) {
      span.end()
      return result
    }
    const settled = result.then(
      (value) => {
        span.end()
        return value
      },
      (error: unknown) => failed(span, error),
    )
    // a promise of the same value, as it was
    return settled as T
  } catch (error) {
    return failed(span, error)
  }
}

/** A denial is a result. A denial because a check failed, and any other error, is an error of the span. */
function failed(span: Span, error: unknown): never {
  if (error instanceof Denial) {
    span.setAttributes({ 'sallyport.denial.status': error.status, 'sallyport.denial.code': error.reason })
    if (error.status >= 500) fault(span, error.reason)
  } else fault(span, error instanceof Error ? error.name : typeof error)
  span.end()
  throw error
}

function fault(span: Span, type: string): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
