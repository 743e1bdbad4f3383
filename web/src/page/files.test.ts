import { describe, expect, it } from 'vitest';
import {
  type Added,
  MAX_BINARY_BYTES,
  MAX_DOCUMENT_BYTES,
  arrange,
  classify,
  possibleTasks,
} from './files.ts';
import { fromBytes, fromText } from './sources.ts';

const json = (document: object): string => JSON.stringify(document);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function added(kind: Added['kind'], path: string, text = '', format?: string): Added {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { kind, name, path, data: bytes(text), ...(format !== undefined && { format }) };
}

const LISTING = json({
  format: 'sealedbook/attestation/v1',
  files: [{ name: 'leaves.bin' }, { name: 'model.json' }, { name: 'proofs/accounts-000000.narg' }],
});

describe('classify', () => {
  it.each([
    ['opening', 'sealedbook/opening/v1'],
    ['certificate', 'sealedbook/certificate/v1'],
    ['attestation', 'sealedbook/attestation/v1'],
    ['document', 'sealedbook/pmrm2-market/v1'],
    ['document', 'sealedbook/constructor/v1'],
  ])('%s by its format', async (kind, format) => {
    expect(await classify(fromText(json({ format })), [])).toMatchObject({ kind, format });
  });

  it('takes the signature by its contents or its name', async () => {
    expect(await classify(fromText('ab'.repeat(64)), [])).toMatchObject({ kind: 'signature' });
    expect(await classify(fromBytes(bytes('damaged'), 'attestation.sig'), [])).toMatchObject({
      kind: 'signature',
    });
  });

  it('tells compiled statements from leaves by their contents', async () => {
    const statement = fromBytes(bytes('sealedbook/v1/statement\0rest'), 'accounts.bin');
    expect(await classify(statement, [])).toMatchObject({ kind: 'statement' });
    expect(await classify(fromBytes(bytes('sealedbook/v1/statement'), 'accounts.bin'), [])).toMatchObject({
      kind: 'leaves',
    });
  });

  it('takes a document of any form only if the attestation lists it', async () => {
    const file = fromBytes(bytes('{"BTC":"97000"}'), 'market.json');
    expect(await classify(file, ['market.json'])).toMatchObject({ kind: 'document' });
    await expect(classify(file, [])).rejects.toThrow(/not a file of sealedbook/);
  });

  it.each([
    ['a.json', MAX_DOCUMENT_BYTES],
    ['leaves.bin', MAX_BINARY_BYTES],
  ])('refuses %s by its size alone', async (name, limit) => {
    const read = (): Promise<never> => {
      throw new Error('was read');
    };
    await expect(classify({ name, path: name, size: limit + 1, read }, [])).rejects.toThrow(/too large/);
  });

  it('says when a file cannot be read', async () => {
    const read = (): Promise<never> => Promise.reject(new Error('gone'));
    await expect(classify({ name: 'a.json', path: 'a.json', size: 5, read }, [])).rejects.toThrow(
      /could not be read/,
    );
  });
});

describe('arrange', () => {
  it('puts files of a folder in their places, whatever the folder is called', () => {
    const files = arrange([
      added('proof', 'x/bundle/proofs/accounts-000000.narg'),
      added('attestation', 'x/bundle/attestation.json', LISTING),
      added('leaves', 'x/bundle/leaves.bin'),
    ]);
    expect([...files.bundle.keys()].sort()).toEqual([
      'attestation.json',
      'leaves.bin',
      'proofs/accounts-000000.narg',
    ]);
  });

  it('takes files that come alone by their names', () => {
    const files = arrange([
      added('attestation', 'attestation.json', LISTING),
      added('proof', 'accounts-000000.narg'),
    ]);
    expect(files.bundle.has('proofs/accounts-000000.narg')).toBe(true);
  });

  it('does not take a file of another folder for one of the bundle', () => {
    const files = arrange([
      added('attestation', 'a/attestation.json', LISTING),
      added('leaves', 'b/leaves.bin'),
    ]);
    expect(files.bundle.has('leaves.bin')).toBe(false);
  });

  it('takes a model that the bundle does not list for the one that the user insists on', () => {
    const own = added('document', 'mine.json', '', 'sealedbook/model/v1');
    const files = arrange([added('attestation', 'attestation.json', LISTING), own]);
    expect(files.model).toBe(own);
    expect(arrange([added('document', 'prices.json', '', 'sealedbook/prices/v1')]).market?.name).toBe(
      'prices.json',
    );
  });

  it('counts the later of two openings', () => {
    expect(arrange([added('opening', 'a.json'), added('opening', 'b.json')]).opening?.name).toBe('b.json');
  });
});

describe('possibleTasks', () => {
  const signed = [added('attestation', 'attestation.json', LISTING), added('signature', 'attestation.sig')];
  const proof = added('proof', 'accounts-000000.narg');
  const rest = [added('leaves', 'leaves.bin'), added('document', 'model.json')];
  it.each([
    ['nothing', [], []],
    ['an opening', [added('opening', 'o.json')], ['opening']],
    ['an attestation without its signature', signed.slice(0, 1), []],
    ['a signed attestation', signed, ['attestation']],
    ['some proofs', [...signed, proof], ['proofs', 'attestation']],
    ['all that is listed', [...signed, proof, ...rest], ['bundle', 'attestation']],
    [
      'everything',
      [...signed, proof, ...rest, added('certificate', 'c.json'), added('opening', 'o.json')],
      ['opening', 'certificate', 'bundle', 'attestation'],
    ],
  ])('%s', (_, files, tasks) => {
    expect(possibleTasks(arrange(files))).toEqual(tasks);
  });
});
