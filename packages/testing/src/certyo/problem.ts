/** A refusal, thrown by endpoints and answered as `application/problem+json`. */
export class Problem extends Error {
  override readonly name = 'Problem' as const;
  readonly status: number;
  readonly code: string;
  /** The field or parameter that is wrong, or null. */
  readonly field: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    options: { field?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.field = options.field ?? null;
    this.headers = options.headers ?? {};
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** The JSON body of a refusal, in the form of ASP.NET's ProblemDetails (RFC 9457). */
export function problemBody(problem: Problem, correlationId: string): string {
  return JSON.stringify({
    type: 'about:blank',
    title: TITLES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(problem.field === null
      ? {}
      : { field: problem.field, errors: { [problem.field]: [problem.message] } }),
    correlationId,
  });
}
