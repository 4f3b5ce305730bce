import { refuseUnknownOptions, wrongOption } from '@certyo-cdc/core/internal';

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
  refuseUnknownOptions('', options, ['target']);
  const { host, port } = options.target;
  if (typeof host !== 'string' || host === '') {
    throw wrongOption('target.host', 'a host name', host);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw wrongOption('target.port', 'a port', port);
  }
  return { target: { host, port } };
}
