import { spawn } from 'node:child_process';

import { SERVER_ENVIRONMENT, SERVER_USER } from './server-user.ts';

/** Runs a program as the server's user and resolves with what it printed. */
export async function runAsServer(command: string, args: readonly string[]): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    const child = spawn(command, args, {
      ...SERVER_USER,
      env: SERVER_ENVIRONMENT,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ended with ${signal ?? `status ${code}`}:\n${output}`));
    });
  });
}
