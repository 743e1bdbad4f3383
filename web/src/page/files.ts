/** What the files are that somebody drops here, found out from their contents, and how they belong together. */

import { formatBytes } from './amounts.ts';
import { problems } from './strings.ts';

/** As in docs/protocol.md: a reader refuses larger documents. */
export const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;
/** Leaves and proofs: what a page can hold without trouble. The command line tool has no such limit. */
export const MAX_BINARY_BYTES = 128 * 1024 * 1024;
export const MAX_TOTAL_BYTES = 256 * 1024 * 1024;
export const MAX_FILES = 4096;
/** That an attestation may list (docs/protocol.md): every added file is looked up among them. */
const MAX_LISTED = 65_536;

export type Kind =
  'opening' | 'certificate' | 'attestation' | 'signature' | 'leaves' | 'proof' | 'statement' | 'document';

/** What a compiled statement begins with (docs/statements.md, section 5). */
const STATEMENT_START = new TextEncoder().encode('sealedbook/v1/statement\0');

/** A file that is of use. */
export interface Added {
  readonly kind: Kind;
  /** As the user knows it. */
  readonly name: string;
  /** With its folders, `/` between them; the name alone where there are none. */
  readonly path: string;
  readonly data: Uint8Array;
  /** The `format` of a JSON document. */
  readonly format?: string;
}

/** What comes in: a file of the user's, or text that was pasted or scanned. */
export interface Incoming {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly read: () => Promise<Uint8Array>;
}

/** A file is of no use; the message says why, in plain words. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';
}

/** 64 hexadecimal digits, which could be a key, a book digest or a root hash: for the user to say. */
export class HexText extends FileProblem {}

/** The names that an attestation lists; empty for anything that is not an attestation of the known form. */
export function listedNames(attestation: Uint8Array): readonly string[] {
  const document = parsed(attestation);
  const files = isRecord(document) ? document['files'] : undefined;
  if (!Array.isArray(files) || files.length > MAX_LISTED) return [];
  return files.flatMap((file: unknown) => {
    const name = isRecord(file) ? file['name'] : undefined;
    return typeof name === 'string' ? [name] : [];
  });
}

/**
 * Read `incoming` and say what it is; `FileProblem` if it is of no use here.
 *
 * Sizes are looked at before anything is read. `listed`: names of the attestation, which may list documents of any form.
 */
export async function classify(incoming: Incoming, listed: readonly string[]): Promise<Added> {
  const { name, path, size } = incoming;
  const binary = /\.(?:bin|narg)$/i.test(name);
  const limit = binary ? MAX_BINARY_BYTES : MAX_DOCUMENT_BYTES;
  if (size > limit) throw new FileProblem(problems.tooLarge(name, formatBytes(size), formatBytes(limit)));
  if (size === 0) throw new FileProblem(problems.empty(name));
  const data = await readWhole(incoming);
  const base = { name, path, data };
  if (startsWith(data, STATEMENT_START)) return { ...base, kind: 'statement' };
  if (binary) return { ...base, kind: /\.bin$/i.test(name) ? 'leaves' : 'proof' };
  return classifyText(base, listed);
}

async function readWhole(incoming: Incoming): Promise<Uint8Array> {
  try {
    return await incoming.read();
  } catch {
    throw new FileProblem(problems.unreadable(incoming.name));
  }
}

type Base = Pick<Added, 'name' | 'path' | 'data'>;

function classifyText(base: Base, listed: readonly string[]): Added {
  const { name, data } = base;
  const isListed = listed.some((entry) => lastPart(entry) === name);
  if (data.length <= 200) {
    const text = new TextDecoder().decode(data).trim();
    if (/^[0-9a-f]{128}$/i.test(text)) return { ...base, kind: 'signature' };
    if (/^[0-9a-f]{64}$/i.test(text)) throw new HexText(problems.hex(name));
  }
  if (/\.sig$/i.test(name)) return { ...base, kind: 'signature' };
  if (!startsAsObject(data)) {
    if (isListed) return { ...base, kind: 'document' };
    throw new FileProblem(problems.unknown(name));
  }
  const document = parsed(data);
  if (document === undefined) throw new FileProblem(problems.brokenJson(name));
  const format = isRecord(document) ? document['format'] : undefined;
  return classifyDocument(base, typeof format === 'string' ? format : undefined, isListed);
}

function classifyDocument(base: Base, format: string | undefined, isListed: boolean): Added {
  const { name } = base;
  const family = /^sealedbook\/([a-z0-9-]+)\//.exec(format ?? '')?.[1];
  const kind = (['opening', 'certificate', 'attestation'] as const).find((one) => one === family);
  const withFormat = format === undefined ? base : { ...base, format };
  if (kind !== undefined) return { ...withFormat, kind };
  if (family === 'report') throw new FileProblem(problems.report(name));
  if (family !== undefined && /vault|issuer|secret/.test(family)) throw new FileProblem(problems.vault(name));
  if (family !== undefined || isListed) return { ...withFormat, kind: 'document' };
  throw new FileProblem(problems.unknownJson(name));
}

function startsWith(data: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, i) => data[i] === byte);
}

function startsAsObject(data: Uint8Array): boolean {
  const start = data.findIndex((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  return start >= 0 && data[start] === 0x7b;
}

/** The JSON in `data`, or undefined. What it means is for the verifier, which reads it strictly and on its own. */
function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)) as unknown;
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Everything added, in the places where checks look for it. */
export interface Arrangement {
  readonly opening?: Added;
  readonly certificate?: Added;
  readonly attestation?: Added;
  readonly signature?: Added;
  /** By its name in the bundle, attestation and signature included. */
  readonly bundle: ReadonlyMap<string, Added>;
  /** Names that the attestation lists. */
  readonly listed: readonly string[];
  /** A statement or prices of the user's own, which a certificate has to be about. */
  readonly model?: Added;
  readonly market?: Added;
  /** Compiled statements, for models that the verifier does not compile. */
  readonly statements: readonly Added[];
  /** leaves.bin, also where no attestation is there to list it. */
  readonly leaves?: Added;
}

/** Put files in their places. Of two for one place, the later one counts. */
export function arrange(added: readonly Added[]): Arrangement {
  const latest = (kind: Kind): Added | undefined => added.filter((file) => file.kind === kind).at(-1);
  const attestation = latest('attestation');
  const signature = latest('signature');
  const listed = attestation === undefined ? [] : listedNames(attestation.data);
  const folder = attestation === undefined ? '' : attestation.path.slice(0, -attestation.name.length);
  const bundle = new Map<string, Added>();
  if (attestation !== undefined) bundle.set('attestation.json', attestation);
  if (signature !== undefined) bundle.set('attestation.sig', signature);
  let model: Added | undefined;
  let market: Added | undefined;
  for (const file of added) {
    if (file.kind !== 'leaves' && file.kind !== 'proof' && file.kind !== 'document') continue;
    const name = nameInBundle(file, folder, listed);
    if (name !== undefined) bundle.set(name, file);
    else if (file.format?.startsWith('sealedbook/model/') === true) model = file;
    else if (/^sealedbook\/(?:[a-z0-9]+-)?(?:prices|market)\//.test(file.format ?? '')) market = file;
  }
  const opening = latest('opening');
  const certificate = latest('certificate');
  const leaves = latest('leaves');
  return {
    bundle,
    listed,
    statements: added.filter((file) => file.kind === 'statement'),
    ...(opening && { opening }),
    ...(certificate && { certificate }),
    ...(attestation && { attestation }),
    ...(signature && { signature }),
    ...(model && { model }),
    ...(market && { market }),
    ...(leaves && { leaves }),
  };
}

/** The listed name that `file` answers to: by its place beside the attestation, or else by its own name alone. */
function nameInBundle(file: Added, folder: string, listed: readonly string[]): string | undefined {
  const inFolder = file.path.startsWith(folder) ? file.path.slice(folder.length) : undefined;
  if (inFolder !== undefined && listed.includes(inFolder)) return inFolder;
  if (file.path !== file.name) return undefined;
  const same = listed.filter((name) => lastPart(name) === file.name);
  return same.length === 1 ? same[0] : undefined;
}

export type Task = 'opening' | 'certificate' | 'bundle' | 'proofs' | 'attestation';

/** What can be checked with these files, the most personal first. */
export function possibleTasks(files: Arrangement): readonly Task[] {
  const signed = files.attestation !== undefined && files.signature !== undefined;
  const complete = signed && files.listed.length > 0 && files.listed.every((name) => files.bundle.has(name));
  const anyProof = [...files.bundle.values()].some((file) => file.kind === 'proof');
  return [
    ...(files.opening ? (['opening'] as const) : []),
    ...(files.certificate ? (['certificate'] as const) : []),
    ...(complete ? (['bundle'] as const) : []),
    ...(signed && anyProof && !complete ? (['proofs'] as const) : []),
    ...(signed ? (['attestation'] as const) : []),
  ];
}
