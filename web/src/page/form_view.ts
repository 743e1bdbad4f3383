/** The second card: what to check, and what the user knows already. */

import type { Expectations } from './check.ts';
import { fill, h } from './dom.ts';
import type { Arrangement, Task } from './files.ts';
import { ask } from './strings.ts';

export interface FormEvents {
  readonly onCheck: () => void;
  /** Anything was typed or chosen: an earlier result no longer belongs to it. */
  readonly onChange: () => void;
}

/** A field of the form with its label, hint and error. */
class Field {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  private readonly error: HTMLElement;

  constructor(
    name: string,
    private readonly label: string,
    hint: string,
    private readonly kind: 'text' | 'hex',
    onInput: () => void,
  ) {
    this.error = h('p', { class: 'error', id: `${name}-error` });
    // Spelling checkers of browsers may send text away; nothing typed here is to be remembered either.
    this.input = h('input', {
      type: 'text',
      id: name,
      autocomplete: 'off',
      autocapitalize: 'off',
      autocorrect: 'off',
      spellcheck: 'false',
      class: kind === 'hex' ? 'hex' : '',
      'aria-describedby': `${name}-hint ${name}-error`,
      oninput: () => {
        this.say('');
        onInput();
      },
    });
    this.element = h(
      'div',
      { class: 'field' },
      h('label', { for: name }, label),
      this.input,
      h('p', { class: 'hint', id: `${name}-hint` }, hint),
      this.error,
    );
  }

  say(words: string): void {
    this.error.textContent = words;
    this.input.toggleAttribute('aria-invalid', words !== '');
  }

  /** What was typed, undefined if nothing; null, and said so, if it is not of its form. */
  read(): string | undefined | null {
    const typed = this.kind === 'hex' ? this.input.value.replace(/\s+/g, '').toLowerCase() : this.input.value;
    if (typed.trim() === '' || this.element.hidden) return undefined;
    if (this.kind === 'text' || /^[0-9a-f]{64}$/.test(typed)) return typed;
    this.say(ask.hexWrong(this.label));
    this.input.focus();
    return null;
  }
}

export class FormView {
  readonly element: HTMLFormElement;
  private readonly tasks = h('fieldset', { class: 'tasks', hidden: true });
  private readonly note = h('p', { class: 'status', role: 'status' });
  private readonly check = h('button', { type: 'submit', class: 'primary large' }, ask.check);
  private readonly elsewhere: HTMLDetailsElement;
  private readonly insisted = h('p', { class: 'hint' });
  private readonly fields: Readonly<Record<keyof Expectations, Field>>;
  private available: readonly Task[] = [];
  private chosen: Task | undefined;
  private files: Arrangement = { bundle: new Map(), listed: [], statements: [] };

  constructor(private readonly events: FormEvents) {
    const field = (name: string, label: string, hint: string, kind: 'text' | 'hex'): Field =>
      new Field(name, label, hint, kind, events.onChange);
    this.fields = {
      account: field('account', ask.account, ask.accountHint, 'text'),
      audience: field('audience', ask.audience, ask.audienceHint, 'text'),
      issuerKey: field('issuer-key', ask.issuerKey, ask.hexHint, 'hex'),
      bookDigest: field('book-digest', ask.bookDigest, ask.hexHint, 'hex'),
      rootHash: field('root-hash', ask.rootHash, ask.hexHint, 'hex'),
    };
    const { account, audience, issuerKey, bookDigest, rootHash } = this.fields;
    this.elsewhere = h(
      'details',
      { class: 'elsewhere' },
      h('summary', {}, ask.elsewhere),
      h('p', { class: 'hint' }, ask.elsewhereHint),
      issuerKey.element,
      bookDigest.element,
      rootHash.element,
    );
    this.element = h(
      'form',
      { class: 'card', 'aria-labelledby': 'heading-ask', novalidate: true, autocomplete: 'off' },
      h('h2', { id: 'heading-ask' }, ask.heading),
      this.tasks,
      account.element,
      audience.element,
      this.insisted,
      this.elsewhere,
      h('div', { class: 'buttons' }, this.check),
      this.note,
    );
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.events.onCheck();
    });
    this.show(this.files, []);
  }

  get task(): Task | undefined {
    return this.chosen;
  }

  /** Offer the tasks that are possible with these files, and the fields that they need. */
  show(files: Arrangement, available: readonly Task[]): void {
    const gone = this.chosen === undefined || !available.includes(this.chosen);
    // A new opening or certificate is what somebody wants checked, whatever was chosen before.
    const isNew = available[0] !== this.available[0];
    if (gone || isNew) this.chosen = available[0];
    this.files = files;
    this.available = available;
    this.showTasks();
    this.showFields();
  }

  /** What was typed; undefined, and said where, if a field is not of its form. */
  read(): Expectations | undefined {
    const read: Record<string, string> = {};
    for (const [name, field] of Object.entries(this.fields)) {
      const typed = field.read();
      if (typed === null) {
        this.elsewhere.open = true;
        field.input.focus();
        return undefined;
      }
      if (typed !== undefined) read[name] = typed;
    }
    if (this.chosen === 'opening' && read['account'] === undefined) {
      this.fields.account.say(ask.accountMissing);
      this.fields.account.input.focus();
      return undefined;
    }
    return read;
  }

  /** Fill in fields, as the sample does. */
  fillIn(values: Expectations): void {
    for (const [name, field] of Object.entries(this.fields)) {
      field.input.value = values[name as keyof Expectations] ?? '';
      field.say('');
    }
  }

  busy(running: boolean): void {
    this.check.disabled = running || this.chosen === undefined;
  }

  say(words: string): void {
    this.note.textContent = words;
  }

  private showTasks(): void {
    this.tasks.hidden = this.available.length < 2;
    const radio = (task: Task): HTMLElement => {
      const input = h('input', {
        type: 'radio',
        name: 'task',
        value: task,
        onchange: () => {
          this.choose(task);
        },
      });
      input.checked = task === this.chosen;
      return h('label', {}, input, h('span', {}, ask.tasks[task]));
    };
    fill(this.tasks, h('legend', {}, ask.taskLabel), ...this.available.map(radio));
  }

  private choose(task: Task): void {
    this.chosen = task;
    this.showFields();
    this.events.onChange();
  }

  private showFields(): void {
    const { account, audience, issuerKey, bookDigest, rootHash } = this.fields;
    const task = this.chosen;
    const personal = task === 'opening' || task === 'certificate';
    const signed = this.files.attestation !== undefined && this.files.signature !== undefined;
    account.element.hidden = task !== 'opening' && task !== undefined;
    audience.element.hidden = task !== 'certificate';
    issuerKey.element.hidden = task !== undefined && !signed;
    bookDigest.element.hidden = !personal;
    rootHash.element.hidden = !personal;
    this.check.disabled = task === undefined;
    if (personal && !signed) this.elsewhere.open = true;
    this.insisted.textContent =
      task === undefined || task === 'opening' || task === 'attestation' ? '' : this.insistedWords();
    const lonely = this.files.attestation !== undefined && !signed;
    this.say(lonely ? ask.needSignature : task === undefined ? ask.nothingYet : '');
  }

  private insistedWords(): string {
    const { model, market, statements } = this.files;
    const isCertificate = this.chosen === 'certificate';
    return [
      ...(model === undefined || !isCertificate ? [] : [`${ask.statementAdded} ${model.name}.`]),
      ...(market === undefined || !isCertificate ? [] : [`${ask.pricesAdded} ${market.name}.`]),
      ...(statements.length === 0 ? [] : [ask.compiledAdded(statements.map(({ name }) => name))]),
    ].join(' ');
  }
}
