/** Keeping record of a verification: its steps in order, and how it ended. */

import { FormError, VerificationError } from './errors.ts';
import type { BaseReport, Finding, Hooks, Step, StepData, Verdict } from './types.ts';

/** What a check found, and the figures that its step shows. */
export interface Checked<T> {
  readonly value: T;
  readonly data?: StepData;
}

export class Recorder {
  readonly steps: Step[] = [];
  readonly findings: Finding[] = [];
  private readonly started = performance.now();
  private reached = 0;

  constructor(private readonly hooks: Hooks = {}) {}

  /** Makes one check: `words` is what holds if it passes. A FormError of `body` is a failure of this check. */
  check<T>(check: string, words: string, body: () => Checked<T>): T {
    try {
      const { value, data = {} } = body();
      this.record({ check, status: 'ok', words, data });
      return value;
    } catch (error) {
      if (error instanceof VerificationError) {
        throw error;
      }
      if (error instanceof FormError) {
        throw new VerificationError(check, error.message);
      }
      throw error;
    }
  }

  skip(check: string, words: string, data: StepData = {}): void {
    this.record({ check, status: 'skipped', words, data });
  }

  find(subject: string, text: string, level: Finding['level']): void {
    this.findings.push({ subject, text, level });
  }

  progress(fraction: number, words: string): void {
    this.reached = Math.max(this.reached, Math.min(1, fraction));
    this.hooks.onProgress?.(this.reached, words);
  }

  /** Part of the progress, from `start` to `end`. */
  stretch(start: number, end: number, words: string): (fraction: number) => void {
    return (fraction) => {
      this.progress(start + (end - start) * fraction, words);
    };
  }

  /** Runs a verification that returns its verdict in words, and turns a failed check into a verdict. */
  run(body: () => string): BaseReport {
    const verdict = this.verdict(body);
    return {
      verdict,
      steps: this.steps,
      findings: verdict.ok ? this.findings : [],
      milliseconds: performance.now() - this.started,
    };
  }

  private verdict(body: () => string): Verdict {
    try {
      return { ok: true, words: body() };
    } catch (error) {
      if (!(error instanceof VerificationError)) {
        throw error;
      }
      const { check, message, needs } = error;
      // What waits for a file of the user's has not failed.
      this.record({ check, status: needs === undefined ? 'failed' : 'skipped', words: message, data: {} });
      return { ok: false, check, message, ...(needs === undefined ? {} : { needs }) };
    }
  }

  private record(step: Step): void {
    this.steps.push(step);
    this.hooks.onStep?.(step);
  }
}
