/** What a request is answered with when it cannot be done. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

/** `value` unless it is undefined. @throws {RequestError} */
export function need<Value>(value: Value | undefined, message: string): Value {
  if (value !== undefined) return value;
  throw new RequestError(message);
}
