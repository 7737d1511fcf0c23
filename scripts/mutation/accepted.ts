/** Checks whose absence changes nothing that can be seen, each with the reason. */
export const accepted: ReadonlyMap<string, string> = new Map([
  [
    "src/core/authenticate.ts: subjectOf: without && 'id' in user",
    'For the types: an object without an id has `undefined` there.',
  ],
  [
    'src/core/credentials.ts: authorization: without scheme === undefined ||',
    'For the types: the expression finds both of its groups or none.',
  ],
  [
    'src/core/credentials.ts: authorization: without || value === undefined',
    'For the types: the expression finds both of its groups or none.',
  ],
  [
    "src/core/credentials.ts: queryCredentials: if (query === '') never",
    'For speed: most handshakes have no query, and in an empty one nothing is found.',
  ],
  [
    'src/core/credentials.ts: queryValue: without first === undefined ||',
    'For the types: whoever asks has found at least one value.',
  ],
  [
    'src/core/credentials.ts: basicPair: if (bytes === null) never',
    'For the types: decoding `null` throws, which is caught, and is no pair either.',
  ],
  [
    'src/core/enter.ts: enterLate: without error instanceof Denial &&',
    'For the types: whatever else the doors throw has no status.',
  ],
  [
    'src/core/first-message.ts: tokenOf: without !parsed.ok ||',
    'For the types: what could not be parsed has no value, and so is no record.',
  ],
  [
    "src/core/network.ts: networkOf: if (!address.includes(':')) never",
    'For speed: an address without a colon is no IPv6 address, and stands for itself then.',
  ],
  [
    'src/core/allowances.ts: Allowances: #sweepLater: without || this.#rate === null',
    'For the types: without a rate nothing is ever added.',
  ],
  [
    "src/core/orders.ts: Orders: #answered: without || typeof id !== 'string'",
    'For the types: no order waits for an answer under what is no text.',
  ],
  [
    'src/core/orders.ts: recordOf: without parsed.ok &&',
    'For the types: what could not be parsed has no value, and so is no record.',
  ],
  [
    'src/core/registry.ts: Index: add: if (key === undefined) never',
    'For memory: nobody is looked up by what they do not hold.',
  ],
  [
    'src/core/registry.ts: Index: delete: if (key === undefined) never',
    'For memory: nobody is looked up by what they do not hold.',
  ],
  [
    'src/core/alarms.ts: isOver: without run === null ||',
    'For memory: what was called off leaves the heap at its time then, and does nothing.',
  ],
  [
    'src/core/alarms.ts: push: without parent === undefined ||',
    'For the types: above an entry of a heap there is one.',
  ],
  [
    'src/core/alarms.ts: pop: without last !== undefined &&',
    'For the types: a heap that is not empty has had a last entry.',
  ],
  [
    'src/core/alarms.ts: sink: without left !== undefined &&',
    'For the types: where there is a right one there is a left one.',
  ],
  [
    "src/core/limits.ts: isBound: without typeof value === 'number' &&",
    'For the types: what is no number is no integer.',
  ],
  [
    "src/core/limits.ts: isRate: if (typeof value !== 'object') never",
    'For the types: what is no object has none of the three numbers.',
  ],
  [
    'src/core/alarms.ts: Alarms: #compareClocks: if (monotonic - this.#checked < checkMs) never',
    'For speed: the clocks are compared more often then, and agree.',
  ],
  [
    'src/wire/json.ts: parseJson: without mayHoldForbiddenKey(text) &&',
    'For speed: a text without these words has no such key, and need not be walked.',
  ],
  [
    'src/wire/json.ts: isDeep: if (text.length <= 2 * maxJsonDepth) never',
    'For speed: what is nested deeper is longer than that, and most messages are short.',
  ],
])
