// The ESM and the CJS copy of the library in one process: an error of one is recognised by the other.
import { createRequire } from 'node:module';
import { CdcError, ConfigurationError } from '@certyo-cdc/core';

const cjs = createRequire(import.meta.url)('@certyo-cdc/core');
const ofCjs = new cjs.ConfigurationError('made by the CJS copy');
const ofEsm = new ConfigurationError('made by the ESM copy');
console.log(
  JSON.stringify({
    twoCopies: cjs.CdcError !== CdcError,
    esmKnowsCjs: CdcError.is(ofCjs),
    cjsKnowsEsm: cjs.CdcError.is(ofEsm),
    plain: CdcError.is(new Error('not ours')),
    code: ofCjs.code,
  }),
);
