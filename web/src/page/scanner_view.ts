/** The panel that reads QR codes until an opening is whole. */

import { codesInPicture, watchCamera } from './codes.ts';
import { h } from './dom.ts';
import { PartCollector } from './qr_parts.ts';
import { scanner } from './strings.ts';

/** `onFile` gets the file when all codes were read; `onClose` when the panel is left. */
export class ScannerPanel {
  readonly element: HTMLElement;
  private readonly said = h('p', { class: 'status', role: 'status' });
  private readonly video = h('video', { class: 'camera', muted: true, playsinline: true, hidden: true });
  private readonly pictures = h('input', {
    type: 'file',
    accept: 'image/*',
    multiple: true,
    hidden: true,
    tabindex: '-1',
    'aria-label': scanner.picture,
  });
  private collector = new PartCollector();
  private camera: AbortController | undefined;

  constructor(
    private readonly onFile: (file: Uint8Array) => void,
    private readonly onClose: () => void,
  ) {
    this.pictures.addEventListener('change', () => {
      void this.readPictures([...(this.pictures.files ?? [])]);
    });
    this.element = h(
      'div',
      { class: 'scanner', hidden: true, role: 'group', 'aria-label': scanner.heading },
      h('p', {}, scanner.lead),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onclick: () => void this.useCamera() }, scanner.camera),
        h(
          'button',
          {
            type: 'button',
            onclick: () => {
              this.pictures.click();
            },
          },
          scanner.picture,
        ),
        h(
          'button',
          {
            type: 'button',
            class: 'plain',
            onclick: () => {
              this.close();
            },
          },
          scanner.close,
        ),
      ),
      this.pictures,
      this.video,
      this.said,
    );
  }

  open(): void {
    this.element.hidden = false;
    this.element.querySelector('button')?.focus();
  }

  close(): void {
    this.reset();
    this.element.hidden = true;
    this.onClose();
  }

  /** Forget all codes and let go of the camera. */
  reset(): void {
    this.camera?.abort();
    this.camera = undefined;
    this.video.hidden = true;
    this.collector = new PartCollector();
    this.said.textContent = '';
    this.pictures.value = '';
  }

  /** Read codes from pictures, which may also have been dropped on the page. */
  async readPictures(files: readonly File[]): Promise<void> {
    for (const file of files) {
      const texts = await codesInPicture(file).catch(() => undefined);
      if (texts === undefined) this.say(scanner.noPicture(file.name));
      else if (texts.length === 0) this.say(scanner.noCode(file.name));
      else for (const text of texts) await this.take(text);
    }
    this.pictures.value = '';
  }

  private async useCamera(): Promise<void> {
    this.camera?.abort();
    const camera = new AbortController();
    this.camera = camera;
    this.video.hidden = false;
    this.say(scanner.aim);
    try {
      await watchCamera(this.video, (text) => void this.take(text), camera.signal);
    } catch {
      if (camera.signal.aborted) return;
      this.video.hidden = true;
      this.say(scanner.noCamera);
    }
  }

  private async take(text: string): Promise<void> {
    const progress = await this.collector.add(text);
    switch (progress.state) {
      case 'not-ours':
        this.say(scanner.notOurs);
        break;
      case 'more':
        this.say(
          (progress.restarted ? `${scanner.otherSet} ` : '') + scanner.got(progress.have, progress.parts),
        );
        break;
      case 'damaged':
        this.say(scanner.damaged);
        break;
      case 'complete':
        this.onFile(progress.file);
        this.close();
        break;
    }
  }

  private say(words: string): void {
    this.said.textContent = words;
  }
}
