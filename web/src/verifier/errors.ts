/** Failures of the verifier, all of one family, so that a caller can tell "refused" from "broken". */

const MAX_MESSAGE = 600;
const NOT_PRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

/**
 * A message that may quote what a file says, made fit to be shown: short, because a key of a document may have megabytes,
 * and without line breaks, marks that turn the direction of writing, and the like.
 */
export function readable(message: string): string {
  const shortened =
    message.length > MAX_MESSAGE
      ? `${message.slice(0, MAX_MESSAGE)}… (${message.length - MAX_MESSAGE} more characters)`
      : message;
  return shortened.replace(
    NOT_PRINTABLE,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** A check failed. `check` is its name in docs/protocol.md. */
export class VerificationError extends Error {
  override readonly name = 'VerificationError';

  constructor(
    readonly check: string,
    message: string,
    /** What the user can give for the check to be decided. */
    readonly needs?: 'statement',
  ) {
    super(readable(message));
  }
}

/** Bytes or text are not of the form asked for. Becomes a VerificationError where it is known which check that breaks. */
export class FormError extends Error {
  override readonly name = 'FormError';

  constructor(message: string) {
    super(readable(message));
  }
}

/** Runs `body`; a FormError of it fails the check named `check`. */
export function underCheck<T>(check: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof FormError) {
      throw new VerificationError(check, error.message);
    }
    throw error;
  }
}
