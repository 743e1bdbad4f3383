import { describe, expect, test, vi } from 'vitest';

import { createVerifier } from '../src/verifier/client.ts';
import type { Request, Response } from '../src/verifier/messages.ts';
import type { Step } from '../src/verifier/types.ts';
import { opening64 } from './fixtures.ts';

/** A worker of this thread: what it is sent goes to `answer`. */
class FakeWorker {
  onmessage: ((event: MessageEvent<Response>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  terminated = false;
  readonly requests: Request[] = [];

  readonly transferred: Transferable[] = [];

  postMessage(request: Request, transfer: Transferable[]): void {
    this.requests.push(request);
    this.transferred.push(...transfer);
  }

  terminate(): void {
    this.terminated = true;
  }

  answer(response: Response): void {
    this.onmessage?.({ data: response } as MessageEvent<Response>);
  }
}

function setup(): { verifier: ReturnType<typeof createVerifier>; workers: FakeWorker[] } {
  const workers: FakeWorker[] = [];
  const verifier = createVerifier(() => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker as unknown as Worker;
  });
  return { verifier, workers };
}

const report = (id: number): Response => ({
  id,
  type: 'report',
  report: {
    kind: 'opening',
    verdict: { ok: true, words: '' },
    steps: [],
    findings: [],
    milliseconds: 0,
    trust: 'root',
    positions: [],
    path: [],
  },
});
const bytes = new Uint8Array();

describe('the client of the worker', () => {
  test('passes on steps, progress and the report', async () => {
    const { verifier, workers } = setup();
    const onStep = vi.fn();
    const onProgress = vi.fn();
    const promise = verifier.checkOpening(bytes, 'a', opening64.trust, { onStep, onProgress });
    const step: Step = { check: 'O1-form', status: 'ok', words: '', data: {} };
    workers[0]?.answer({ id: 1, type: 'step', step });
    workers[0]?.answer({ id: 1, type: 'progress', fraction: 0.5, words: 'half' });
    workers[0]?.answer(report(1));
    expect((await promise).kind).toBe('opening');
    expect(onStep).toHaveBeenCalledExactlyOnceWith(step);
    expect(onProgress).toHaveBeenCalledExactlyOnceWith(0.5, 'half');
  });

  test('runs one check at a time, in order', async () => {
    const { verifier, workers } = setup();
    const first = verifier.checkOpening(bytes, 'a', opening64.trust);
    const second = verifier.checkOpening(bytes, 'b', opening64.trust);
    expect(workers[0]?.requests).toHaveLength(1);
    workers[0]?.answer(report(1));
    await first;
    expect(workers[0]?.requests.map(({ id }) => id)).toEqual([1, 2]);
    workers[0]?.answer(report(2));
    await second;
    expect(workers).toHaveLength(1);
  });

  test('cancelling ends the worker, and the next check gets a new one', async () => {
    const { verifier, workers } = setup();
    const controller = new AbortController();
    const first = verifier.checkOpening(bytes, 'a', opening64.trust, { signal: controller.signal });
    const second = verifier.checkOpening(bytes, 'b', opening64.trust);
    controller.abort();
    await expect(first).rejects.toThrow('aborted');
    expect(workers[0]?.terminated).toBe(true);
    workers[0]?.answer(report(2));
    workers[1]?.answer(report(2));
    expect((await second).kind).toBe('opening');
  });

  test('a check that waits is cancelled without harm to the one that runs', async () => {
    const { verifier, workers } = setup();
    const controller = new AbortController();
    const first = verifier.checkOpening(bytes, 'a', opening64.trust);
    const second = verifier.checkOpening(bytes, 'b', opening64.trust, { signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toThrow('aborted');
    workers[0]?.answer(report(1));
    await first;
    expect(workers[0]?.requests).toHaveLength(1);
    expect(workers[0]?.terminated).toBe(false);
  });

  test('an aborted signal starts nothing', async () => {
    const { verifier, workers } = setup();
    const promise = verifier.checkOpening(bytes, 'a', opening64.trust, { signal: AbortSignal.abort() });
    await expect(promise).rejects.toThrow('aborted');
    expect(workers).toHaveLength(0);
  });

  test('a fault of the worker is no verdict', async () => {
    const { verifier, workers } = setup();
    const broken = verifier.checkOpening(bytes, 'a', opening64.trust);
    workers[0]?.answer({ id: 1, type: 'broken', message: 'out of memory' });
    await expect(broken).rejects.toThrow('the verifier stopped: out of memory');
    const crashed = verifier.checkOpening(bytes, 'a', opening64.trust);
    workers[0]?.onerror?.({ message: 'crash', preventDefault: () => undefined } as ErrorEvent);
    await expect(crashed).rejects.toThrow('the verifier stopped: crash');
    const mistaken = verifier.readAttestation(bytes, bytes);
    workers[1]?.answer(report(3));
    await expect(mistaken).rejects.toThrow('a report of kind opening');
  });

  test('hands over the buffers it is told to', async () => {
    const { verifier, workers } = setup();
    const own = new Uint8Array(8);
    const first = verifier.checkOpening(own, 'a', opening64.trust, { transfer: [own.buffer] });
    expect(workers[0]?.transferred).toEqual([own.buffer]);
    workers[0]?.answer(report(1));
    await first;
    void verifier.checkOpening(own, 'a', opening64.trust);
    expect(workers[0]?.transferred).toHaveLength(1);
  });

  test('closing ends everything', async () => {
    const { verifier, workers } = setup();
    const promises = [
      verifier.checkOpening(bytes, 'a', opening64.trust),
      verifier.checkOpening(bytes, 'b', opening64.trust),
    ];
    verifier.close();
    for (const promise of promises) {
      await expect(promise).rejects.toThrow('closed');
    }
    expect(workers[0]?.terminated).toBe(true);
  });
});
