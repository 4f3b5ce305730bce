import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Problem } from './problem.ts';
import { JsonSyntaxError, parseJson, type JsonInput } from './raw-json.ts';

/** Members that keep the text they were sent as. */
const RAW_NAMES: ReadonlySet<string> = new Set(['recordPayload', 'payload']);

/** The client went away before its request was complete: nothing was applied. */
export class RequestAbortedError extends Error {
  override readonly name = 'RequestAbortedError' as const;
}

/** Reads a body; null when it is larger than `maxBytes` (the rest is thrown away). */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.on('end', () => {
      const [only] = chunks;
      if (bytes > maxBytes) resolve(null);
      else resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
    const abort = (): void => {
      if (!request.complete) reject(new RequestAbortedError('The client went away'));
    };
    request.on('error', abort);
    request.on('close', abort);
  });
}

/** Parses a JSON body without losing a digit of a payload. @throws Problem 400 or 415 */
export function parseBody(request: IncomingMessage, body: Buffer): JsonInput {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new Problem(415, 'unsupported_encoding', 'The body must not be compressed.');
  }
  const contentType = request.headers['content-type'] ?? '';
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)) {
    throw new Problem(415, 'unsupported_media_type', 'Content-Type must be application/json.');
  }
  if (!isUtf8(body)) throw new Problem(400, 'invalid_json', 'The body is not valid UTF-8.');
  try {
    return parseJson(body.toString('utf8'), RAW_NAMES);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new Problem(400, 'invalid_json', `The body is not valid JSON: ${error.message}.`);
  }
}
