/** The first card: files in, by every way there is, and the list of what was added. */

import { fill, h } from './dom.ts';
import { type Added, type Arrangement, FileProblem, type Incoming } from './files.ts';
import { icon } from './icons.ts';
import type { SampleKind } from './sample.ts';
import { ScannerPanel } from './scanner_view.ts';
import { type Dropped, filesOfDrop, fromBytes, fromFile, fromText, isPicture } from './sources.ts';
import { fileKinds, intake, page, problems } from './strings.ts';

export interface IntakeEvents {
  readonly onFiles: (incoming: readonly Incoming[]) => void;
  readonly onRemove: (files: readonly Added[]) => void;
  readonly onSample: (kind: SampleKind) => void;
  readonly onProblem: (message: string) => void;
}

export class IntakeView {
  readonly element: HTMLElement;
  private readonly list = h('ul', { class: 'files', 'aria-label': intake.filesHeading });
  private readonly problemList = h('ul', { class: 'problems', 'aria-label': intake.problems });
  private readonly pasteArea = h('textarea', {
    rows: '5',
    id: 'paste',
    spellcheck: 'false',
    autocomplete: 'off',
    translate: 'no',
  });
  private readonly pastePanel: HTMLElement;
  private readonly files = this.picker(false);
  private readonly folder = this.picker(true);
  private readonly scanner: ScannerPanel;
  private readonly scanButton = h(
    'button',
    {
      type: 'button',
      onclick: () => {
        this.openScanner();
      },
    },
    intake.scan,
  );
  private readonly pasteButton = h(
    'button',
    {
      type: 'button',
      onclick: () => {
        this.openPaste();
      },
    },
    intake.paste,
  );

  constructor(private readonly events: IntakeEvents) {
    this.scanner = new ScannerPanel(
      (file) => {
        this.events.onFiles([fromBytes(file, intake.scannedName)]);
      },
      () => {
        this.scanButton.focus();
      },
    );
    this.pastePanel = this.makePastePanel();
    this.element = h(
      'section',
      { class: 'card', 'aria-labelledby': 'heading-intake' },
      h('h2', { id: 'heading-intake' }, intake.heading),
      h('p', {}, intake.hint),
      this.dropZone(),
      this.pastePanel,
      this.scanner.element,
      this.problemList,
      this.list,
      this.samples(),
    );
    this.listenToDocument();
  }

  /** Show what was added; parts of a bundle in one line. */
  show(added: readonly Added[], arranged: Arrangement): void {
    const parts = new Set(
      [...arranged.bundle.values()].filter((file) => !['attestation', 'signature'].includes(file.kind)),
    );
    const single = added.filter((file) => !parts.has(file));
    fill(
      this.list,
      ...single.map((file) => this.item(file.name, this.kindOf(file), [file])),
      parts.size > 0 && this.item(intake.bundleFiles(parts.size), intake.partOfBundle, [...parts]),
    );
  }

  showProblems(messages: readonly string[]): void {
    fill(this.problemList, ...messages.map((message) => h('li', {}, message)));
  }

  clear(): void {
    this.pasteArea.value = '';
    this.pastePanel.hidden = true;
    this.scanner.reset();
    this.scanner.element.hidden = true;
    this.files.value = '';
    this.folder.value = '';
  }

  private kindOf(file: Added): string {
    return file.kind === 'opening' ? `${fileKinds.opening}, ${intake.private}` : fileKinds[file.kind];
  }

  private item(name: string, kind: string, files: readonly Added[]): HTMLElement {
    return h(
      'li',
      {},
      icon('file'),
      h('span', { class: 'file-name breakable' }, name, h('span', { class: 'quiet' }, kind)),
      h(
        'button',
        {
          type: 'button',
          class: 'small',
          'aria-label': intake.remove(name),
          onclick: () => {
            this.events.onRemove(files);
          },
        },
        intake.removeShort,
      ),
    );
  }

  private dropZone(): HTMLElement {
    const choose =
      (input: HTMLInputElement): (() => void) =>
      () => {
        input.click();
      };
    return h(
      'div',
      { class: 'drop', id: 'drop' },
      icon('drop'),
      h('p', { class: 'drop-words' }, intake.drop),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', class: 'primary', onclick: choose(this.files) }, intake.chooseFiles),
        h('button', { type: 'button', onclick: choose(this.folder) }, intake.chooseFolder),
        this.pasteButton,
        this.scanButton,
      ),
      this.files,
      this.folder,
    );
  }

  private picker(folder: boolean): HTMLInputElement {
    const label = folder ? intake.chooseFolder : intake.chooseFiles;
    const input = h('input', {
      type: 'file',
      multiple: true,
      hidden: true,
      tabindex: '-1',
      'aria-label': label,
      webkitdirectory: folder,
    });
    input.addEventListener('change', () => {
      this.take(
        [...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name })),
      );
      // So that the same file, fetched again, counts as a change.
      input.value = '';
    });
    return input;
  }

  private take(dropped: readonly Dropped[]): void {
    const pictures = dropped.filter(({ file }) => isPicture(file));
    const others = dropped.filter(({ file }) => !isPicture(file));
    if (others.length > 0) this.events.onFiles(others.map(({ file, path }) => fromFile(file, path)));
    if (pictures.length > 0) {
      this.scanner.element.hidden = false;
      void this.scanner.readPictures(pictures.map(({ file }) => file));
    }
  }

  private openScanner(): void {
    this.pastePanel.hidden = true;
    this.scanner.open();
  }

  private openPaste(): void {
    this.scanner.reset();
    this.scanner.element.hidden = true;
    this.pastePanel.hidden = false;
    this.pasteArea.focus();
  }

  private makePastePanel(): HTMLElement {
    const close = (): void => {
      this.pasteArea.value = '';
      this.pastePanel.hidden = true;
      this.pasteButton.focus();
    };
    const add = (): void => {
      const text = this.pasteArea.value;
      if (text.trim() === '') this.events.onProblem(problems.clipboardEmpty);
      else {
        this.events.onFiles([fromText(text)]);
        close();
      }
    };
    return h(
      'div',
      { class: 'paste', hidden: true },
      h('label', { for: 'paste' }, intake.pasteLabel),
      this.pasteArea,
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onclick: add }, intake.pasteAdd),
        h('button', { type: 'button', class: 'plain', onclick: close }, intake.pasteCancel),
      ),
    );
  }

  private samples(): HTMLElement {
    const button = (kind: SampleKind, words: string): HTMLElement =>
      h(
        'button',
        {
          type: 'button',
          class: 'link',
          onclick: () => {
            this.events.onSample(kind);
          },
        },
        words,
      );
    return h(
      'p',
      { class: 'samples' },
      h('span', {}, intake.sampleHeading),
      ' ',
      button('opening', intake.sample),
      button('altered', intake.sampleAltered),
      button('certificate', intake.sampleCertificate),
    );
  }

  /** Drops anywhere on the page count, and so does pasting outside of a field. */
  private listenToDocument(): void {
    document.addEventListener('dragover', (event) => {
      event.preventDefault();
      document.body.classList.add('dragging');
    });
    document.addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) document.body.classList.remove('dragging');
    });
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      document.body.classList.remove('dragging');
      if (event.dataTransfer !== null) void this.takeDrop(event.dataTransfer);
    });
    document.addEventListener('paste', (event) => {
      const target = event.target;
      if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) return;
      const { clipboardData } = event;
      if (clipboardData === null) return;
      const files = [...clipboardData.files];
      if (files.length > 0) this.take(files.map((file) => ({ file, path: file.name })));
      else if (clipboardData.getData('text/plain').trim() !== '')
        this.events.onFiles([fromText(clipboardData.getData('text/plain'))]);
    });
  }

  private async takeDrop(transfer: DataTransfer): Promise<void> {
    try {
      this.take(await filesOfDrop(transfer));
    } catch (error) {
      this.events.onProblem(error instanceof FileProblem ? error.message : page.fault(String(error)));
    }
  }
}
