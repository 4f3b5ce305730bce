/** How long the making of a slot may wait for one running transaction, where `slotLockTimeoutMs` says nothing else. */
export const SLOT_LOCK_TIMEOUT_MS = 15_000;
