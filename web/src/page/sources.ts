/** Where files come from: the file picker, a drop of files or folders, text. All of them become `Incoming`. */

import { type Incoming, MAX_FILES, FileProblem } from './files.ts';
import { intake, problems } from './strings.ts';

export function fromFile(file: File, path?: string): Incoming {
  const own = path ?? (file.webkitRelativePath === '' ? file.name : file.webkitRelativePath);
  return {
    name: file.name,
    path: own,
    size: file.size,
    read: async () => new Uint8Array(await file.arrayBuffer()),
  };
}

export function fromText(text: string, name: string = intake.pastedName): Incoming {
  const data = new TextEncoder().encode(text.trim());
  return { name, path: name, size: data.length, read: () => Promise.resolve(data) };
}

export function fromBytes(data: Uint8Array, name: string, path: string = name): Incoming {
  return { name, path, size: data.length, read: () => Promise.resolve(data) };
}

/** A picture may hold a QR code. */
export function isPicture(file: File): boolean {
  return file.type.startsWith('image/') && file.type !== 'image/svg+xml';
}

/** A file with the path under which it was dropped. */
export interface Dropped {
  readonly file: File;
  readonly path: string;
}

/** Every file of a drop, folders included; `FileProblem` if there are too many. */
export async function filesOfDrop(transfer: DataTransfer): Promise<readonly Dropped[]> {
  // Entries are gone after the first pause, so all are taken before anything is awaited.
  const entries = [...transfer.items].flatMap((item) => {
    const entry = item.kind === 'file' ? item.webkitGetAsEntry() : null;
    return entry === null ? [] : [entry];
  });
  if (entries.length === 0) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found: Dropped[] = [];
  for (const entry of entries) await collect(entry, found);
  return found;
}

async function collect(entry: FileSystemEntry, found: Dropped[]): Promise<void> {
  if (found.length >= MAX_FILES) throw new FileProblem(problems.tooMany(MAX_FILES));
  if (isFileEntry(entry)) {
    const file = await new Promise<File>((resolve, reject) => {
      entry.file(resolve, reject);
    }).catch(() => {
      throw new FileProblem(problems.unreadable(entry.name));
    });
    found.push({ file, path: entry.fullPath.replace(/^\//, '') });
  } else if (isFolderEntry(entry)) {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
        reader.readEntries(resolve, reject);
      });
      if (some.length === 0) break;
      for (const inner of some) await collect(inner, found);
    }
  }
}

function isFileEntry(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolderEntry(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}
