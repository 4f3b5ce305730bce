/** For the packages of this project only: no part of the public API, may change in any version. */
export { OptionReader } from './internal/read-options.ts';
