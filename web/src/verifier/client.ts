/**
 * The page's side of the worker. One check runs at a time, others wait. A check in progress cannot be interrupted from
 * outside, so cancelling it ends the worker; the next check starts a new one.
 */

import type { Call, Request, Response } from './messages.ts';
import type { ClientHooks, Report, Verifier } from './types.ts';
import VerifierWorker from './worker.ts?worker&inline';

interface Job {
  readonly call: Call;
  readonly hooks: ClientHooks;
  readonly resolve: (report: Report) => void;
  readonly reject: (reason: unknown) => void;
}

class WorkerQueue {
  private worker: Worker | undefined;
  private running: { readonly id: number; readonly job: Job } | undefined;
  private readonly waiting: Job[] = [];
  private lastId = 0;

  constructor(private readonly makeWorker: () => Worker) {}

  submit(call: Call, hooks: ClientHooks): Promise<Report> {
    return new Promise((resolve, reject) => {
      const { signal } = hooks;
      if (signal?.aborted === true) {
        reject(asError(reasonOf(signal)));
        return;
      }
      const done = (): void => signal?.removeEventListener('abort', cancel);
      const job: Job = {
        call,
        hooks,
        resolve: (report) => {
          done();
          resolve(report);
        },
        reject: (reason) => {
          done();
          reject(asError(reason));
        },
      };
      const cancel = (): void => {
        this.cancel(job, reasonOf(signal));
      };
      signal?.addEventListener('abort', cancel, { once: true });
      this.waiting.push(job);
      this.next();
    });
  }

  close(): void {
    this.endWorker();
    const jobs = [...(this.running ? [this.running.job] : []), ...this.waiting.splice(0)];
    this.running = undefined;
    for (const job of jobs) {
      job.reject(new Error('the verifier was closed'));
    }
  }

  private next(): void {
    if (this.running !== undefined) {
      return;
    }
    const job = this.waiting.shift();
    if (job === undefined) {
      return;
    }
    this.lastId += 1;
    this.running = { id: this.lastId, job };
    const request: Request = { id: this.lastId, call: job.call };
    this.worker ??= this.startWorker();
    this.worker.postMessage(request, [...(job.hooks.transfer ?? [])]);
  }

  private startWorker(): Worker {
    const worker = this.makeWorker();
    worker.onmessage = (event: MessageEvent<Response>) => {
      this.receive(event.data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.endWorker();
      this.finish((job) => {
        job.reject(new Error(`the verifier stopped: ${event.message}`));
      });
    };
    return worker;
  }

  private receive(response: Response): void {
    if (this.running?.id !== response.id) {
      return;
    }
    const { hooks } = this.running.job;
    switch (response.type) {
      case 'step':
        hooks.onStep?.(response.step);
        break;
      case 'progress':
        hooks.onProgress?.(response.fraction, response.words);
        break;
      case 'report':
        this.finish((job) => {
          job.resolve(response.report);
        });
        break;
      case 'broken':
        this.finish((job) => {
          job.reject(new Error(`the verifier stopped: ${response.message}`));
        });
        break;
    }
  }

  private cancel(job: Job, reason: unknown): void {
    if (this.running?.job === job) {
      this.endWorker();
      this.finish(() => {
        job.reject(reason);
      });
      return;
    }
    const place = this.waiting.indexOf(job);
    if (place >= 0) {
      this.waiting.splice(place, 1);
      job.reject(reason);
    }
  }

  private finish(settle: (job: Job) => void): void {
    const job = this.running?.job;
    this.running = undefined;
    if (job !== undefined) {
      settle(job);
    }
    this.next();
  }

  private endWorker(): void {
    this.worker?.terminate();
    this.worker = undefined;
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function reasonOf(signal: AbortSignal | undefined): unknown {
  return signal?.reason ?? new DOMException('cancelled', 'AbortError');
}

/** A verifier with a worker of its own; `makeWorker` is for tests. */
export function createVerifier(makeWorker: () => Worker = () => new VerifierWorker()): Verifier {
  const queue = new WorkerQueue(makeWorker);
  async function ask<K extends Report['kind']>(
    kind: K,
    call: Call,
    hooks: ClientHooks = {},
  ): Promise<Extract<Report, { kind: K }>> {
    const report = await queue.submit(call, hooks);
    if (report.kind !== kind) {
      throw new Error(`the verifier answered with a report of kind ${report.kind}`);
    }
    return report as Extract<Report, { kind: K }>;
  }
  return {
    readAttestation: (attestation, signature, issuerKey, hooks) =>
      ask(
        'attestation',
        {
          check: 'readAttestation',
          attestation,
          signature,
          ...(issuerKey === undefined ? {} : { issuerKey }),
        },
        hooks,
      ),
    checkOpening: (opening, typedAccountId, trust, hooks) =>
      ask('opening', { check: 'checkOpening', opening, typedAccountId, trust }, hooks),
    verifyCertificate: (certificate, trust, expectations = {}, hooks) =>
      ask('certificate', { check: 'verifyCertificate', certificate, trust, expectations }, hooks),
    verifyBatchProof: (input, hooks) => ask('batch', { check: 'verifyBatchProof', input }, hooks),
    verifyBookClaim: (input, hooks) => ask('book', { check: 'verifyBookClaim', input }, hooks),
    verifySolvency: (input, hooks) => ask('solvency', { check: 'verifySolvency', input }, hooks),
    verifyBundle: (input, hooks) => ask('bundle', { check: 'verifyBundle', input }, hooks),
    close: () => {
      queue.close();
    },
  };
}
