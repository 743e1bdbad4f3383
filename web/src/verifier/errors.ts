/** Failures of the verifier, all of one family, so that a caller can tell "refused" from "broken". */

/** A check failed. `check` is its name in docs/protocol.md. */
export class VerificationError extends Error {
  override readonly name = 'VerificationError';

  constructor(
    readonly check: string,
    message: string,
    /** What the user can give for the check to be decided. */
    readonly needs?: 'statement',
  ) {
    super(message);
  }
}

/** Bytes or text are not of the form asked for. Becomes a VerificationError where it is known which check that breaks. */
export class FormError extends Error {
  override readonly name = 'FormError';
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
