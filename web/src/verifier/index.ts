/**
 * The verifier's public interface.
 *
 *     const verifier = createVerifier();
 *     const report = await verifier.checkOpening(bytes, 'alice', { kind: 'root', hash }, { onStep });
 *
 * `createVerifier` runs the checks in a Web Worker.
 */

export { createVerifier } from './client.ts';
export { VerificationError } from './errors.ts';
export type * from './types.ts';
