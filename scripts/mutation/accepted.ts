/** AccessOptions whose absence changes nothing that can be seen, each with the reason. */
export const accepted: ReadonlyMap<string, string> = new Map([
  [
    'src/core/access/credentials.ts: basicPair: if (bytes === null) never',
    'For the types: decoding `null` throws, which is caught, and is no pair either.',
  ],
  [
    'src/core/endpoint/message-stream.ts: MessageStream: offer: if (this.#ended) never',
    'For memory: what a peer that has left sent to a loop that is over would wait for ever.',
  ],
  [
    'src/core/admission/first-message.ts: tokenOf: without null',
    'For the types: what a parser makes of bytes is no record.',
  ],
  [
    'src/core/runtime/heap.ts: push: without parent === undefined ||',
    'For the types: above an entry of a heap there is one.',
  ],
  [
    'src/core/runtime/heap.ts: pop: without last !== undefined &&',
    'For the types: a heap that is not empty has had a last entry.',
  ],
  [
    'src/core/runtime/heap.ts: sink: without left !== undefined &&',
    'For the types: where there is a right one there is a left one.',
  ],
  [
    'src/core/api/identity.ts: endOf: if (isTimed(identity)) never',
    'For memory: without it the identity makes and keeps a date of the same moment.',
  ],
  [
    'src/core/api/identity.ts: issuedOf: if (isTimed(identity)) never',
    'For memory: without it the identity makes and keeps a date of the same moment.',
  ],
  [
    "src/core/runtime/awaitable.ts: isThenable: without && typeof value.then === 'function'",
    'For speed: what is no promise is waited for then, too, a turn more than it takes.',
  ],
  [
    'src/core/runtime/timer-queue.ts: TimerQueue: #compareClocks: if (ahead - this.#ahead < apartMs && this.#moved - ahead < apartMs) never',
    'For speed: all alarms are looked through then, and none is moved.',
  ],
  [
    'src/core/access/revocations.ts: RevocationKind: find: if (name === undefined || this.isEmpty) never',
    'For speed: nothing is found among none.',
  ],
  [
    'src/core/access/revocations.ts: RevocationKind: find: without || this.isEmpty',
    'For speed: nothing is found among none.',
  ],
  [
    'src/core/access/revocations.ts: RevocationKind: find: without name === undefined ||',
    'For the types: no revocation is about a name that is no text.',
  ],
  [
    'src/core/access/revocations.ts: RevocationKind: #isForgotten: if (asked.length === 0) never',
    'For speed: no digest is made to be looked for in no filter.',
  ],
  ['src/auth/tickets.ts: redeem: without null', 'For the types: what is made of `null` is no record.'],
  [
    'src/core/access/revocations.ts: RevocationKind: #removeEnded: without || first.due > now',
    'For speed: what is not over is taken out of the heap and put back as it was.',
  ],
  [
    'src/core/access/revocations.ts: RevocationKind: #makeRoom: if (first === undefined) never',
    'For the types: where too many are kept there is a first one.',
  ],
  [
    'src/core/admission/connection-cap.ts: evictOldest: if (registry.countOf(holder) <= most) never',
    'For speed: of so many as it may have none is beyond them.',
  ],
  [
    'src/core/groups/presence-message.ts: recordIn: without null',
    'For the types: what is no record has no kind, and is no message.',
  ],
  [
    'src/core/runtime/clock-steps.ts: ClockSteps: #end: without && first !== undefined',
    'For the types: of more than sixteen there is a first.',
  ],
  [
    'src/core/runtime/clock-steps.ts: ClockSteps: #end: without && second !== undefined',
    'For the types: of more than sixteen there is a second.',
  ],
  [
    'src/core/groups/member-table.ts: MemberTable: #show: if (before === member) never',
    'For speed: the same member is put where it was, and nothing has changed.',
  ],
  [
    'src/core/groups/member-table.ts: MemberTable: #show: if (before?.json === member?.json) never',
    'For speed: the list is joined anew, and what has not changed is no change when changes are taken.',
  ],
  [
    'src/core/groups/member-table.ts: pageOf: without isBehind ||',
    'For speed: what is behind the page is sorted, and cut off.',
  ],
  [
    'src/core/groups/member-table.ts: pageOf: without after !== null &&',
    'For the types: no text is less than `null`.',
  ],
  [
    "src/core/access/registry.ts: Registry: #place: without && before.tenant !== ''",
    'For speed: a subject of no tenant is not among those that are found in several tenants.',
  ],
  [
    "src/core/access/registry.ts: Registry: #place: without && after.tenant !== ''",
    'For memory: a subject of no tenant is looked for without that.',
  ],
  [
    'src/core/access/registry.ts: Registry: #forgetTenant: if (named?.size === 0) never',
    'For memory: a subject of no tenant any more is found in none.',
  ],
  [
    'src/core/socket/message-limiter.ts: MessageLimiter: charge: if (this.#parts.limits.validation === null) never',
    'For speed: an account without that limit has nothing that could be charged.',
  ],
  [
    'src/core/socket/message-limiter.ts: MessageLimiter: #limitOver: if (this.#isAlone) never',
    'For speed: an account without limits refuses nothing.',
  ],
  [
    'src/core/groups/presence-group.ts: PresenceGroup: introduced: without here === undefined ||',
    'For the types: a user that is not here has no latest socket.',
  ],
  [
    'src/core/groups/presence-teller.ts: PresenceTeller: #send: if (address.path === null) never',
    'For the types: the address of a group with presence has a path.',
  ],
  [
    'src/layers/memory-logs.ts: Logs: placed: without log === undefined ||',
    'For the types: a log that does not exist has no offset of an id.',
  ],
  [
    'src/layers/memory-logs.ts: Logs: #makeRoom: without log !== null &&',
    'For the types: a pool without a log holds no bytes.',
  ],
  [
    'src/layers/memory-logs.ts: Logs: #makeRoom: without log !== null && (2)',
    'For the types: a pool without a log holds no bytes.',
  ],
  [
    'src/layers/memory-logs.ts: Log: drop: if (entry === undefined) never',
    'For the types: a log without entries is not asked to drop one.',
  ],
  [
    'src/layers/memory-logs.ts: Log: drop: if (this.#first < 32 || 2 * this.#first < this.#entries.length) never',
    'For speed: the array is cut at every entry that is dropped.',
  ],
  [
    'src/layers/memory-logs.ts: Log: drop: without || 2 * this.#first < this.#entries.length',
    'For speed: a long array is cut at every 32nd entry that is dropped.',
  ],
  [
    'src/layers/memory-logs.ts: Log: drop: without this.#first < 32 ||',
    'For speed: a short array is cut often.',
  ],
  [
    'src/core/socket/message-limiter.ts: takes: if (account === null) never',
    'For the types: an account has a bucket for each limit that is asked for.',
  ],
  [
    'src/core/socket/dispatch.ts: Dispatcher: run: without result !== alreadyDone &&',
    'For speed: a promise that has resolved is awaited like others.',
  ],
  [
    'src/core/socket/channel.ts: ServerChannel: dispatcher: without && this.#handler !== null',
    'For the types: a channel that has started has a handler.',
  ],
  [
    'src/core/socket/dispatch.ts: Dispatcher: #callNamed: without name !== null &&',
    'For the types: a call without a type was refused when it was read.',
  ],
  [
    'src/core/socket/dispatch.ts: Dispatcher: #done: without && id !== null',
    'For the types: a call without an id was refused when it was read.',
  ],
  [
    'src/core/socket/peer.ts: Peer: #hear: if (this.#ended) never',
    'For speed: the channel of a connection that has ended takes no message.',
  ],
  [
    'src/core/socket/peer.ts: Peer: #main: if (channel === undefined) never',
    'For the types: a connection has a channel for as long as it hears.',
  ],
  [
    'src/core/groups/groups.ts: Groups: #kept: without || placed === null',
    'For the types: a layer says where it has placed a message that is kept.',
  ],
  [
    'src/core/access/revocations.ts: Revocations: against: if (this.#tokens.isEmpty && this.#sessions.isEmpty && this.#users.isEmpty) never',
    'For speed: nothing is found among no revocations.',
  ],
  [
    'src/core/access/access-commands.ts: AccessCommands: hasOvertaken: if (accessVersion === this.#given) never',
    'For speed: no change is later than the latest command.',
  ],
  [
    'src/core/groups/local-group.ts: LocalGroup: constructor: without null',
    'For memory: a group without a history keeps no times of its members.',
  ],
  [
    'src/core/groups/local-group.ts: LocalGroup: receivers: if (except === null) never',
    'For speed: no member has the id `null`, so all of them are counted one by one then.',
  ],
  [
    'src/core/socket/memberships.ts: Memberships: room: if (this.#room === null) never',
    'For the types: the room is reserved before a socket has memberships.',
  ],
  [
    'src/core/groups/history-feed.ts: HistoryFeed: #isBehind: without last !== null &&',
    'For the types: where nothing was delivered no epoch is the same.',
  ],
  [
    'src/core/access/credentials.ts: withoutBlanks: without start < end &&',
    'For the types: beyond the end of a text there is no character.',
  ],
  [
    'src/core/access/credentials.ts: withoutBlanks: without end > start &&',
    'For the types: what is blank to its beginning was cut from the beginning.',
  ],
  [
    'src/transports/node/http-server.ts: listening: without && address !== null',
    'For the types: a server that listens has an address.',
  ],
  [
    "src/transports/node/http-server.ts: listening: without typeof address === 'object' &&",
    'For the types: a server that listens on TCP has no text for an address.',
  ],
  [
    'src/core/access/origin.ts: assertHost: if (allowedHosts.has(host)) never',
    'For speed: a host that was allowed is allowed again.',
  ],
  [
    'src/core/access/origin.ts: isKnownSameOrigin: if (sameOrigins.has(pair)) never',
    'For speed: an origin that was that of its host is so again.',
  ],
  [
    'src/core/access/origin.ts: askRule: without origin === null ||',
    'For the types: a rule is asked where there is an origin.',
  ],
  [
    'src/transports/node/pending-upgrade.ts: PendingUpgrade: begin: if (ms === limits.handshakeMs) never',
    'For speed: a timer of the heap ends the wait at the same time.',
  ],
  [
    'src/transports/node/remote-address.ts: remoteAddressesBehind: without trustsAddresses &&',
    'For speed: a list without an address holds none.',
  ],
  [
    'src/transports/node/upgrade-request.ts: hostIn: if (wellFormed.has(host)) never',
    'For speed: a host that was well-formed is found so again.',
  ],
  [
    'src/transports/node/upgrade-router.ts: UpgradeRouter: #dispatch: without any !== undefined &&',
    'For the types: a router without a listener is not called.',
  ],
  ['src/layers/memory-logs.ts: Log: range: without null', 'For the types: a text is no position of a log.'],
  [
    'src/layers/memory-logs.ts: Log: #offset: without && offset >= 0',
    'For speed: everything follows a position before the first, and a range after it is not complete.',
  ],
  [
    'src/layers/memory-logs.ts: Log: #after: without entry === undefined ||',
    'For the types: kept entries have no gap.',
  ],
  [
    'src/layers/memory-logs.ts: Log: isIdle: without this.isEmpty &&',
    'For the types: a log whose ids are forgotten, and that was not used for so long, has no entry.',
  ],
  [
    'src/layers/memory-logs.ts: Ids: rotate: without !isOld &&',
    'For memory: ids are known for longer, at most for ten times as many messages.',
  ],
  [
    'src/core/access/account.ts: Mistakes: #forget: without first !== undefined &&',
    'For the types: a list without entries has no first time, which is not old.',
  ],
  [
    'src/core/access/account.ts: Lapse: msSince: without this.#lasts(now) &&',
    'For the types: each lapse is noted before its time is asked for.',
  ],
  [
    'src/core/socket/message-limiter.ts: sharedLimits: without limits[shared] !== null &&',
    'For speed: an account without that limit has no bucket to take from.',
  ],
  [
    'src/core/groups/history-feed.ts: HistoryFeed: #from: if (this.#last === null) never',
    'For the types: what follows nothing is the first message, and is not read again.',
  ],
  [
    'src/core/groups/history-feed.ts: HistoryFeed: #read: if (!this.#isBehind(at)) never',
    'For speed: an entry that cannot be decoded is read once more.',
  ],
  [
    'src/core/socket/codec.ts: plainCodec: without isSchema(server) &&',
    'For the types: a table of events is no raw schema.',
  ],
  [
    'src/core/socket/peer.ts: Peer: #hear: without null',
    'For speed: on the plain wire a denial names no message.',
  ],
  [
    'src/core/socket/peer.ts: Peer: #restFor: without || this.#rest !== null',
    'For memory: each message that is refused pauses the reading by itself then, and each pause ends.',
  ],
  [
    'src/core/socket/channel.ts: ServerChannel: #cutOff: if (this.#over) never',
    'A channel that is over is in no registry any more, so that nothing ends it again.',
  ],
  [
    'src/transports/node/outbound-queue.ts: OutboundQueue: whenDrained: if (this.#closed) never',
    'For speed: a queue that is closed tells no drain.',
  ],
  [
    'src/transports/node/outbound-queue.ts: OutboundQueue: #fits: without && !this.#isBehind',
    'For speed: frames for a reader that is behind wait in the queue as they wait in their turn.',
  ],
  [
    'src/transports/node/outbound-queue.ts: OutboundQueue: #fits: without this.#batch !== null &&',
    'For speed: where no frame was sent in this turn no frame is written.',
  ],
  [
    'src/transports/node/outbound-queue.ts: OutboundQueue: #take: without || batch.bytes === 0',
    'For speed: nothing is joined to the head, or written.',
  ],
  [
    'src/transports/node/held-frames.ts: HeldFrames: slice: without && bytes < sliceBytes',
    'For speed: all that waits is joined for each slice.',
  ],
  [
    'src/transports/node/held-frames.ts: HeldFrames: slice: without first !== undefined &&',
    'For the types: a list of one has a first.',
  ],
  [
    'src/core/socket/revalidation.ts: Revalidator: #adopt: if (channel.ended) never',
    'Handlers that still run go on under the newer credential then, which was authenticated and authorized; the peer has left and is told nothing.',
  ],
  [
    'src/core/access/revocations.ts: RevocationKind: #open: without last !== undefined && (2)',
    'For the types: where there are too many filters there is a last one.',
  ],
  [
    'src/core/admission/first-message.ts: FirstMessage: message: if (this.#got) never',
    'A connection that is paused delivers nothing more, so that there is no second message.',
  ],
  [
    "src/core/admission/first-message.ts: assertNoCredential: if (typeof payload !== 'string') never",
    'For the types: bytes are no JSON, and no credential.',
  ],
  [
    'src/core/admission/first-message.ts: tokenOf: without null (2)',
    'For the types: what has no value holds no token.',
  ],
  [
    'src/auth/jwks.ts: remoteKeys: without header.kid !== null &&',
    'For the types: the name of no key was seen.',
  ],
  [
    'src/auth/jwks.ts: remember: if (kid === null) never',
    'For the types: a key without a name is asked for by no name.',
  ],
  [
    'src/transports/node/frame-reader.ts: FrameReader: #take: if (first === wholeBinary) never',
    'For speed: a message in one frame is copied as one in fragments is.',
  ],
  [
    'src/transports/node/connection.ts: NodeConnection: received: if (reader.isIdle) never',
    'For memory: a connection keeps its reader between two messages.',
  ],
])
