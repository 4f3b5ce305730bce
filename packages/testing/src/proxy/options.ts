import { ConfigurationError } from '@certyo-cdc/core';

/** Where a proxy passes connections on to. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** How a proxy is made. */
export interface FaultProxyOptions {
  readonly target: ProxyTarget;
}

/** Checks the options. Throws ConfigurationError for what cannot be meant. */
export function normalizeFaultProxyOptions(options: FaultProxyOptions): FaultProxyOptions {
  for (const name of Object.keys(options)) {
    if (name !== 'target') {
      throw new ConfigurationError(
        name,
        `Unknown option \`${name}\` of faultProxy(). Known is target.`,
      );
    }
  }
  const { host, port } = options.target;
  if (typeof host !== 'string' || host === '') {
    throw new ConfigurationError('target.host', 'Expected `target.host` to be a host name.');
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ConfigurationError(
      'target.port',
      `Expected \`target.port\` to be a port, got \`${port}\` (${typeof port}).`,
    );
  }
  return { target: { host, port } };
}
