import { describe, expect, test } from 'vitest';
import { nearestName } from './nearest-name.ts';
import { refuseUnknownOptions, wrongOption, wrongSecretOption } from './option-checks.ts';

describe('wrongOption', () => {
  test('shows numbers and never texts (I11)', () => {
    expect(wrongOption('http.timeoutMs', 'a positive finite number', -1).message).toContain(
      'Expected `http.timeoutMs` to be a positive finite number, got `-1` (number).',
    );
    for (const value of ['canary', ['canary'], { canary: 'canary' }, Symbol('canary')]) {
      expect(wrongOption('a.b', 'a number', value).message).not.toContain('canary');
    }
    expect(wrongSecretOption('apiKey', 'a text', 12_345).message).not.toContain('12345');
  });
});

describe('refuseUnknownOptions', () => {
  test('names the nearest known option by its full path', () => {
    const refuse = (name: string) => () =>
      refuseUnknownOptions('tls', { [name]: 'canary' }, ['mode', 'ca']);
    expect(refuse('moed')).toThrow('There is no option `tls.moed`. Did you mean `tls.mode`?');
    expect(refuse('somethingElse')).toThrow('Known options: mode, ca.');
    expect(refuse('MODE')).not.toThrow('canary');
    expect(refuse('mode')).not.toThrow();
  });
});

describe('nearestName', () => {
  test('knows when nothing is near', () => {
    expect(nearestName('hots', ['port', 'host'])).toBe('host');
    expect(nearestName('zzzzzz', ['port', 'host'])).toBeNull();
  });
});
