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

/** How spans are made. */
export interface OtelOptions {
  /** Whose spans they are; the global one when left out. */
  readonly provider?: TracerProvider
  /**
   * What becomes of the trace that a peer says it is in: `continue`, which is the default, takes part in it; `link` begins
   * one of its own that points to it, so that strangers decide neither ids nor sampling.
   */
  readonly remote?: 'continue' | 'link'
  /** Whether messages to groups carry the `traceparent` of who sent them; `true` when left out. No `tracestate` ever does. */
  readonly tell?: boolean
}

const optionKinds: OptionKinds<OtelOptions> = {
  provider: having('getTracer'),
  remote: oneOf('continue', 'link'),
  tell: aBoolean,
}

/**
 * A tracer over `@opentelemetry/api` 1.9 or newer, an optional peer dependency. Without an SDK it does nothing. Neither
 * credentials nor what messages say are in its spans, nor the text of errors, which may quote both.
 *
 * @throws TypeError when an option is unknown or malformed
 * @example sallyport({ tracer: otel() })
 */
export function otel(options: OtelOptions = {}): Tracer {
  options = checkedOptions('otel()', options, optionKinds)
  const { provider, remote = 'continue', tell = true } = options
  // asked for at each span: an SDK may be registered after this was made, and the global provider stands in until then
  const tracer = (): OtelTracer => (provider ?? trace).getTracer('sallyport')
  return {
    run(work, inside) {
      const remoteContext = work.parent === null ? null : spanContextOf(work.parent)
      const { base, links } = origin(remoteContext, work, remote)
      const made = { kind: kinds[work.kind], attributes: attributesOf(work), links }
      const span = tracer().startSpan(nameOf(work), made, base)
      const own = tell ? told(span.spanContext()) : null
      if (work.kind === 'handshake') doors.add(span)
      return watched(span, () => context.with(trace.setSpan(base, span), () => inside(own)))
    },
  }
}

const kinds = {
  handshake: SpanKind.SERVER,
  message: SpanKind.CONSUMER,
  call: SpanKind.SERVER,
  send: SpanKind.PRODUCER,
} as const

/** The spans of handshakes: what goes on inside of a socket is active under its own for as long as it is open. */
const doors = new WeakSet<Span>()

/**
 * What a span continues. What a loop sends only points to the handshake that it began with: in one trace with it a socket
 * that is open for a day would have a trace of a day. A message without a trace of its own begins one: it has come over a wire, and whatever happens to
 * be active is not what has caused it.
 */
function origin(
  remote: SpanContext | null,
  { kind }: TracedWork,
  how: 'continue' | 'link',
): { readonly base: Context; readonly links: Link[] } {
  const isLocal = kind === 'send' || (kind === 'handshake' && remote === null)
  const base = isLocal ? context.active() : ROOT_CONTEXT
  const active = trace.getSpan(base)
  if (kind === 'send' && active !== undefined && doors.has(active))
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

function told(own: SpanContext): TraceContext | null {
  if (!isSpanContextValid(own)) return null
  return { traceparent: `00-${own.traceId}-${own.spanId}-${own.traceFlags.toString(16).padStart(2, '0')}` }
}

/** Of few values: templates and kinds, as the semantic conventions ask for. */
function nameOf({ kind, contract, type }: TracedWork): string {
  if (kind === 'handshake') return `GET ${contract}`
  if (kind === 'call') return `${contract}/${type ?? ''}`
  return `${kind === 'send' ? 'send' : 'process'} ${contract}`
}

/** Names of the semantic conventions where they have one. */
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

/** Ends a span with what comes of its work, at once or when that has settled. */
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

/** A denial is an answer; one of a server that could not find out, and whatever was not expected, is an error. */
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
