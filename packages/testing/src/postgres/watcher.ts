import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Waits for the end of its input, which comes when the owner's process ends in whatever way; then
 * stops the server and removes its files. The word `done` means that there is nothing left to do.
 */
const SCRIPT = `
trap '' INT TERM HUP
read -r word
[ "$word" = done ] && exit 0
alive() {
  pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) || return 1
  args=$( { tr '\\0' ' ' <"/proc/$pid/cmdline" || ps -o args= -p "$pid"; } 2>/dev/null )
  case $args in *"$1"*) return 0 ;; *) return 1 ;; esac
}
alive "$1" && kill -QUIT "$pid" && kill -CONT "$pid"
for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  alive "$1" || break
  sleep 0.1
done
alive "$1" && kill -KILL "$pid"
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
`;

/** Looks after a cluster when its owner cannot any more. */
export class Watcher {
  readonly #child: ChildProcess;

  constructor(directory: string) {
    // Of its own session: Ctrl-C in the owner's terminal must not reach it.
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'watcher', directory], {
      detached: true,
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.unref();
    const { stdin } = this.#child;
    if (stdin !== null && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  }

  /** The cluster is gone: nothing is left to look after. */
  dismiss(): void {
    this.#child.stdin?.end('done\n');
  }
}
