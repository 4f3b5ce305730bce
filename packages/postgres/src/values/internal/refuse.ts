import { ValueError } from '@certyo-cdc/core';

const UNPINNED =
  'The session does not run under the pinned settings: connect through this library, or set them on the session.';

/** The error for text that the server does not print for this type under the pinned settings. Names no value. */
export function refuseText(typeName: string): ValueError {
  return new ValueError(null, `The text is not what PostgreSQL prints for ${typeName}.`, {
    remedy: UNPINNED,
  });
}
