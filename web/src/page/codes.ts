/** Reading QR codes from pictures and from a camera: by the browser where it can, else by the library `qr`. */

import { decodeQRBatch } from 'qr/decode.js';

interface Detector {
  detect(source: ImageBitmapSource): Promise<readonly { readonly rawValue: string }[]>;
}

interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<readonly string[]>;
}

/** Longest side that is searched; larger pictures are made smaller first. */
const MAX_SIDE = 2048;
/** For a picture, that somebody waits for; a frame of a camera is followed by the next one. */
const PICTURE_MILLISECONDS = 1500;
const FRAME_MILLISECONDS = 80;

/** Texts of the codes in a picture. Rejects if the file is no picture. */
export async function codesInPicture(file: Blob): Promise<readonly string[]> {
  const bitmap = await createImageBitmap(file);
  try {
    return await codesIn(bitmap, bitmap.width, bitmap.height, PICTURE_MILLISECONDS);
  } finally {
    bitmap.close();
  }
}

async function codesIn(
  source: ImageBitmap | HTMLVideoElement,
  width: number,
  height: number,
  milliseconds: number,
): Promise<readonly string[]> {
  const detector = await builtIn();
  if (detector !== undefined) {
    const found = await detector.detect(source);
    if (found.length > 0) return found.map((code) => code.rawValue);
  }
  const shrink = Math.min(1, MAX_SIDE / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * shrink));
  canvas.height = Math.max(1, Math.round(height * shrink));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return [];
  // Transparent pictures would come out black.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const image = { width: canvas.width, height: canvas.height, data };
  const [results = []] = await decodeQRBatch([image], { timeLimit: milliseconds });
  return results.filter((result) => typeof result === 'string');
}

let detector: Promise<Detector | undefined> | undefined;

/** The browser's own detector, if it has one for QR codes. */
function builtIn(): Promise<Detector | undefined> {
  detector ??= (async () => {
    const own = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
    try {
      const formats = (await own?.getSupportedFormats()) ?? [];
      return own !== undefined && formats.includes('qr_code') ? new own({ formats: ['qr_code'] }) : undefined;
    } catch {
      return undefined;
    }
  })();
  return detector;
}

/** Show the camera in `video` and tell every code, until `stop` is aborted. Rejects if there is no camera to use. */
export async function watchCamera(
  video: HTMLVideoElement,
  onCode: (text: string) => void,
  stop: AbortSignal,
): Promise<void> {
  // Not there at all where the page came over plain http from another machine.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined) throw new DOMException('no camera', 'NotFoundError');
  const stream = await devices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
  const end = (): void => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  if (stop.aborted) {
    end();
    return;
  }
  stop.addEventListener('abort', end, { once: true });
  video.srcObject = stream;
  await video.play();
  for (;;) {
    await nextFrame();
    if (hasStopped(stop)) return;
    if (video.videoWidth === 0) continue;
    for (const text of await codesIn(video, video.videoWidth, video.videoHeight, FRAME_MILLISECONDS))
      onCode(text);
  }
}

/** Asked anew after every pause. */
function hasStopped(stop: AbortSignal): boolean {
  return stop.aborted;
}

function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
}
