/** The page: files and expectations in, one check at a time, its result out. All state is here and nothing is stored. */

import { createVerifier } from '../verifier/index.ts';
import type { Verifier } from '../verifier/types.ts';
import { formatBytes } from './amounts.ts';
import { type Expectations, Missing, type Outcome, decisive, runTask } from './check.ts';
import { byId, fill, h } from './dom.ts';
import {
  type Added,
  FileProblem,
  type Incoming,
  MAX_FILES,
  MAX_TOTAL_BYTES,
  arrange,
  classify,
  listedNames,
  possibleTasks,
} from './files.ts';
import { FormView } from './form_view.ts';
import { IntakeView } from './intake_view.ts';
import { resultView } from './result_view.ts';
import { type SampleKind, sample } from './sample.ts';
import { ask, intake, page, problems, progress, verdict } from './strings.ts';
import { verdictWords } from './verdict_view.ts';
import './style.css';

class CheckPage {
  private added: readonly Added[] = [];
  private isSample = false;
  private verifier: Verifier = createVerifier();
  private running: AbortController | undefined;
  private readonly intake = new IntakeView({
    onFiles: (incoming) => void this.addOwn(incoming),
    onRemove: (files) => {
      this.setFiles(this.added.filter((file) => !files.includes(file)));
    },
    onSample: (kind) => void this.showSample(kind),
    onProblem: (message) => {
      this.intake.showProblems([message]);
    },
  });
  private readonly form = new FormView({
    onCheck: () => void this.check(),
    onChange: () => {
      this.dropResult();
    },
  });
  private readonly announcement = h('p', {
    class: 'visually-hidden',
    role: 'status',
    'aria-live': 'polite',
    id: 'announcement',
  });
  private readonly resultHeading = h('h2', { id: 'heading-result', tabindex: '-1' }, verdict.heading);
  private readonly resultBody = h('div', { id: 'result-body', translate: 'no' });
  private readonly result = h('section', {
    class: 'result',
    id: 'result',
    'aria-labelledby': 'heading-result',
    hidden: true,
  });

  constructor(root: HTMLElement) {
    const printButton = h(
      'button',
      {
        type: 'button',
        class: 'screen-only',
        onclick: () => {
          window.print();
        },
      },
      page.print,
    );
    fill(this.result, h('div', { class: 'result-head' }, this.resultHeading, printButton), this.resultBody);
    fill(
      root,
      this.header(),
      h('main', {}, h('div', { class: 'cards' }, this.intake.element, this.form.element), this.result),
      footer(),
      this.announcement,
    );
  }

  private header(): HTMLElement {
    return h(
      'header',
      {},
      h(
        'div',
        { class: 'header-row' },
        h('p', { class: 'name' }, page.name),
        h(
          'button',
          {
            type: 'button',
            class: 'small screen-only',
            id: 'clear',
            onclick: () => {
              this.clear();
            },
          },
          page.clear,
        ),
      ),
      h('h1', {}, page.title),
      h('p', { class: 'lead' }, page.lead),
      h('p', { class: 'privacy' }, page.privacy),
    );
  }

  /** Files of the user's own never mix with the sample's. */
  private async addOwn(incoming: readonly Incoming[]): Promise<void> {
    if (this.isSample) {
      this.isSample = false;
      this.form.fillIn({});
      this.setFiles([]);
    }
    await this.add(incoming);
  }

  private async add(incoming: readonly Incoming[]): Promise<void> {
    const total =
      incoming.reduce((sum, file) => sum + file.size, 0) +
      this.added.reduce((sum, file) => sum + file.data.length, 0);
    if (incoming.length + this.added.length > MAX_FILES) {
      this.say([problems.tooMany(MAX_FILES)]);
      return;
    }
    // One file that is too large by itself has a message of its own.
    if (incoming.length > 1 && total > MAX_TOTAL_BYTES) {
      this.say([problems.tooLargeTotal(formatBytes(MAX_TOTAL_BYTES))]);
      return;
    }
    const { files, messages } = await classifyAll(incoming, this.added);
    const paths = new Set(files.map((file) => file.path));
    this.setFiles([...this.added.filter((file) => !paths.has(file.path)), ...files]);
    this.say(messages);
    this.announcement.textContent = [intake.added(files.length), ...messages].join(' ');
  }

  private say(messages: readonly string[]): void {
    this.intake.showProblems(messages);
  }

  private setFiles(files: readonly Added[]): void {
    this.added = files;
    const arranged = arrange(files);
    this.dropResult();
    this.intake.show(files, arranged);
    this.intake.showProblems([]);
    this.form.show(arranged, possibleTasks(arranged));
  }

  private async showSample(kind: SampleKind): Promise<void> {
    this.clear();
    this.isSample = true;
    const { incoming, account, audience, issuerKey } = sample(kind);
    await this.add(incoming);
    this.form.fillIn({ account, audience, issuerKey });
    await this.check();
  }

  private async check(): Promise<void> {
    const task = this.form.task;
    const expected = this.form.read();
    if (task === undefined || expected === undefined) return;
    this.dropResult();
    const running = new AbortController();
    this.running = running;
    this.form.busy(true);
    const { hooks, bar } = this.progressBar(running.signal);
    this.showResult([bar]);
    const files = arrange(this.added);
    performance.mark('check-start');
    try {
      const found = await runTask(task, { files, expected, verifier: this.verifier, hooks });
      if (running.signal.aborted) return;
      performance.measure('check', 'check-start');
      const keyExpected = expected.issuerKey !== undefined;
      this.showOutcome({ ...found, keyExpected, sample: this.isSample }, expected);
    } catch (error) {
      if (!running.signal.aborted) this.showFailure(error);
    } finally {
      if (this.running === running) {
        this.running = undefined;
        this.form.busy(false);
      }
    }
  }

  private progressBar(signal: AbortSignal): {
    hooks: Parameters<typeof runTask>[1]['hooks'];
    bar: HTMLElement;
  } {
    const meter = h('progress', { max: '1', 'aria-label': progress.running });
    const words = h('p', {}, progress.running);
    const cancel = (): void => {
      this.dropResult();
      this.form.say(progress.cancelled);
    };
    const bar = h(
      'div',
      { class: 'progress' },
      words,
      meter,
      h('button', { type: 'button', onclick: cancel, id: 'cancel' }, ask.cancel),
    );
    const hooks = {
      signal,
      onStep: () => undefined,
      onProgress: (fraction: number, said: string) => {
        meter.value = fraction;
        words.textContent = said;
      },
    };
    return { hooks, bar };
  }

  private showOutcome(outcome: Outcome, expected: Expectations): void {
    const report = decisive(outcome);
    this.showResult(resultView({ outcome, files: arrange(this.added), expected }));
    if (report !== undefined) {
      const { label, sentence } = verdictWords(outcome, report);
      this.announcement.textContent = `${label}. ${sentence}`;
    }
    performance.mark('result-shown');
  }

  private showFailure(error: unknown): void {
    this.dropResult();
    this.form.say(
      error instanceof Missing
        ? error.message
        : page.fault(error instanceof Error ? error.message : String(error)),
    );
  }

  private showResult(parts: readonly HTMLElement[]): void {
    fill(this.resultBody, ...parts);
    this.result.hidden = false;
    this.resultHeading.focus({ preventScroll: true });
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.result.scrollIntoView({ behavior: calm ? 'instant' : 'smooth', block: 'start' });
  }

  /** A result is about the files and expectations it was made from, and goes when they change. */
  private dropResult(): void {
    this.running?.abort();
    this.running = undefined;
    this.form.busy(false);
    this.result.hidden = true;
    fill(this.resultBody);
    this.announcement.textContent = '';
  }

  /** Forget files, fields, result, and the worker with all that it holds. */
  private clear(): void {
    this.verifier.close();
    this.verifier = createVerifier();
    this.isSample = false;
    this.form.fillIn({});
    this.form.busy(false);
    this.intake.clear();
    this.setFiles([]);
    this.announcement.textContent = page.cleared;
  }
}

/** The attestation first, as it says which other files are of use. */
async function classifyAll(
  incoming: readonly Incoming[],
  before: readonly Added[],
): Promise<{ files: readonly Added[]; messages: readonly string[] }> {
  const files: Added[] = [];
  const messages: string[] = [];
  const known = arrange(before).listed;
  const ordered = [...incoming].sort((a, b) => rank(a) - rank(b));
  for (const file of ordered) {
    const attestation = files.find(({ kind }) => kind === 'attestation');
    try {
      files.push(await classify(file, attestation === undefined ? known : listedNames(attestation.data)));
    } catch (error) {
      messages.push(error instanceof FileProblem ? error.message : page.fault(String(error)));
    }
  }
  return { files, messages };
}

function rank(file: Incoming): number {
  return /attestation.*\.json$/i.test(file.name) ? 0 : 1;
}

function footer(): HTMLElement {
  return h('footer', {}, h('p', {}, page.footerKeep), h('p', {}, page.footerOffline));
}

new CheckPage(byId('page', HTMLElement));
