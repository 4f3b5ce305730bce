import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseCliArguments, UsageError } from './cli-arguments.ts';
import { call, record } from './test-client.ts';

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));

interface Run {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly exit: Promise<number | null>;
}

function run(...args: readonly string[]): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', CLI, ...args]);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return { child, output, exit };
}

describe('certyo-emulator', { timeout: 180_000 }, () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'starts, prints one JSON line, ends on %s',
    async (signal) => {
      const { child, output, exit } = run('--port', '0', '--key', 'k=1=acme:orders', '--json');
      await expect.poll(() => output.stdout).toContain('\n');
      const line = JSON.parse(output.stdout) as { url: string; apiKey: string };

      const answer = await call(line, 'POST', '/records', record({ tenantId: 'acme' }));
      child.kill(signal);

      expect(line).toMatchObject({ apiKey: 'k=1', tenantId: 'acme', controlUrl: null });
      expect(answer.status).toBe(202);
      await expect(exit).resolves.toBe(0);
      expect(JSON.parse(output.stdout.split('\n')[1] ?? '')).toMatchObject({
        stopped: true,
        counters: { effects: 1 },
      });
      expect(output.stderr).toBe('');
    },
  );

  test('prints the lines to export', async () => {
    const { child, output, exit } = run('--port', '0', '--control-port', '0', '--key', "a'b=t");
    await expect.poll(() => output.stdout).toContain('control');
    child.kill('SIGTERM');

    expect(output.stdout).toMatch(/^export CERTYO_BASE_URL=http:\/\/127\.0\.0\.1:\d+$/m);
    expect(output.stdout).toContain(`export CERTYO_API_KEY='a'\\''b'\n`);
    expect(output.stdout).toContain('export CERTYO_TENANT_ID=t\n');
    await expect(exit).resolves.toBe(0);
  });

  test('a port in use ends with 1 and says what to do', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;

    const { output, exit } = run('--port', String(port));

    await expect(exit).resolves.toBe(1);
    expect(output.stderr).toBe(
      `certyo-emulator: Port ${port} is in use. Choose another with --port (0 takes a free one).\n`,
    );
  });

  test('wrong usage ends with 2 and never shows a key', async () => {
    const { output, exit } = run('--key', 'certyo_sk_live_secret');

    await expect(exit).resolves.toBe(2);
    expect(output.stderr).toContain('--key must look like key=tenant');
    expect(output.stderr).not.toContain('secret');
  });
});

describe('parseCliArguments', () => {
  test.each([
    [['--port', '70000'], '--port must be an integer from 0 to 65535, got "70000".'],
    [['--batch-count', '0'], '--batch-count must be an integer of at least 1, got "0".'],
    [['--batch-age-ms=-1'], '--batch-age-ms must be an integer of at least 0, got "-1".'],
    [
      ['--anchor-delay-ms', '1e3'],
      '--anchor-delay-ms must be an integer of at least 0, got "1e3".',
    ],
    [['--retention', 'some'], '--retention must be one of full, digest, counts, got "some".'],
    [['--porte', '1'], "Unknown option '--porte'"],
    [['serve'], "Unexpected argument 'serve'"],
    [['--port'], "Option '--port <value>' argument missing"],
  ])('%j is refused', (args, message) => {
    expect(() => parseCliArguments(args)).toThrow(UsageError);
    expect(() => parseCliArguments(args)).toThrow(message);
  });

  test('gives every option on', () => {
    const args = '--port 1 --host ::1 --key k=t --key a=b:c --batch-count 2 --batch-age-ms 3';
    const more = '--anchor-delay-ms 4 --retention digest --control-port 5 --json';
    expect(parseCliArguments(`${args} ${more}`.split(' '))).toEqual({
      type: 'run',
      json: true,
      options: {
        host: '::1',
        port: 1,
        keys: [
          { key: 'k', tenantId: 't', clientId: undefined },
          { key: 'a', tenantId: 'b', clientId: 'c' },
        ],
        batchCount: 2,
        batchAgeMs: 3,
        anchorDelayMs: 4,
        retention: 'digest',
        controlPort: 5,
      },
    });
    expect(parseCliArguments(['-h'])).toEqual({ type: 'help' });
  });
});
