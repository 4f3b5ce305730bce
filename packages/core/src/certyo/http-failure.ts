import { DeliveryConnectionError, DeliveryTimeoutError } from '../errors/delivery-error.ts';

/** Codes of failures before the first byte of a request was sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'API_KEY_UNAVAILABLE',
]);

const TIMEOUTS: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'REQUEST_TIMEOUT',
]);

/**
 * What is kept of an error below HTTP: its code and message.
 *
 * The error itself is not attached, because parser errors carry the bytes that they could not parse.
 */
export class TransportFailure extends Error {
  override readonly name = 'TransportFailure';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Turns an error of undici or the socket into one of ours. `what` names the request, for example `POST /api/v1/records`. */
export function toDeliveryError(
  what: string,
  error: unknown,
): DeliveryConnectionError | DeliveryTimeoutError {
  const code = failureCode(error);
  const cause = new TransportFailure(code, error instanceof Error ? error.message : '');
  return TIMEOUTS.has(code)
    ? new DeliveryTimeoutError(`${what} was not answered in time (${code}).`, { cause })
    : new DeliveryConnectionError(`${what} failed below HTTP (${code}).`, {
        cause,
        remedy: 'When it lasts, check the network and CERTYO_BASE_URL.',
      });
}

/** True unless the request certainly never left this machine. */
export function mayHaveArrived(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : null;
  return !(
    cause instanceof TransportFailure &&
    (NOT_SENT.has(cause.code) || cause.code.startsWith('ERR_TLS_') || isCertificate(cause.code))
  );
}

/** The handshake fails on these, so nothing of the request is sent. */
function isCertificate(code: string): boolean {
  return (
    code.startsWith('CERT_') ||
    code.startsWith('UNABLE_TO_') ||
    code === 'DEPTH_ZERO_SELF_SIGNED_CERT' ||
    code === 'SELF_SIGNED_CERT_IN_CHAIN'
  );
}

function failureCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'UNKNOWN';
  // Several addresses were tried: one that may have got through decides.
  if (error instanceof AggregateError && error.errors.length > 0) {
    const codes = error.errors.map(failureCode);
    return codes.find((code) => !NOT_SENT.has(code)) ?? codes[0] ?? 'UNKNOWN';
  }
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[\w-]{1,64}$/u.test(code) ? code : 'UNKNOWN';
}
