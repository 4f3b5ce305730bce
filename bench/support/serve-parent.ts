import { inspect } from 'node:util';

/** A question of the parent, and what is answered to it. */
export interface Question {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

export type Answer =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: string };

type Handlers = Readonly<Record<string, (input: never) => unknown>>;

/** The child's side of `MeasuredProcess`: answers the parent's questions until the parent is gone. */
export function serveParent(handlers: Handlers): void {
  const answer = async ({ id, name, input }: Question): Promise<Answer> => {
    const handler = handlers[name];
    if (handler === undefined) return { id, error: `There is no handler ${name}.` };
    try {
      // Both ends are files of one folder; what they say to each other is typed where it is asked.
      return { id, output: (await handler(input as never)) ?? null };
    } catch (error) {
      return { id, error: inspect(error) };
    }
  };
  process.on('message', (question: Question) => {
    void answer(question).then((given) => process.send?.(given));
  });
  // A child outlives nobody.
  process.on('disconnect', () => process.exit(0));
}
