/** Every text of the page that does not come from the verifier, in one place. Functions where a text has a gap. */

import type { Level, StepStatus } from '../verifier/types.ts';

export const page = {
  name: 'sealedbook',
  title: 'Check your account',
  lead: 'Your exchange sealed its book and gave you an opening. See for yourself that exactly your balances are inside.',
  privacy:
    'Everything happens on this device. Nothing is sent: the page carries a policy by which your browser refuses it every connection.',
  clear: 'Clear everything',
  cleared: 'Cleared: files, account id and result are gone from this page.',
  print: 'Print this result',
  footerKeep: 'Files stay in this tab’s memory until you clear them or close the tab. Nothing is stored.',
  footerOffline: 'This page is one file. Save it, go offline, and it does the same.',
  fault: (message: string): string =>
    `Something in this page went wrong (${message}). That is a fault of the page and says nothing about your files. Reload it and try again.`,
} as const;

export const intake = {
  heading: 'Add your files',
  hint: 'Your opening first. If you have it, also the bundle that the exchange publishes: the folder, or attestation.json and attestation.sig.',
  drop: 'Drop files or a folder here',
  chooseFiles: 'Choose files',
  chooseFolder: 'Choose a folder',
  paste: 'Paste',
  scan: 'Scan a QR code',
  sampleHeading: 'Nothing at hand?',
  sample: 'Try a sample',
  sampleAltered: 'Try an altered sample',
  sampleCertificate: 'Try a sample certificate',
  sampleNote: 'Sample: a made-up exchange with made-up accounts. It says nothing about any real one.',
  filesHeading: 'Files added',
  remove: (name: string): string => `Remove ${name}`,
  removeShort: 'Remove',
  added: (count: number): string =>
    count === 0 ? 'No file added.' : count === 1 ? '1 file added.' : `${count} files added.`,
  pasteLabel: 'Paste the text of an opening, a certificate, an attestation or a signature',
  pasteAdd: 'Add this text',
  pasteCancel: 'Cancel',
  pastedName: 'pasted text',
  scannedName: 'QR code',
  partOfBundle: 'Part of the bundle',
  bundleFiles: (count: number): string =>
    count === 1 ? '1 more file of the bundle' : `${count} more files of the bundle`,
  private: 'private: for your eyes only',
  problems: 'Not added',
} as const;

/** What a file is, to say beside its name. */
export const fileKinds = {
  opening: 'Opening',
  certificate: 'Certificate',
  attestation: 'Attestation',
  signature: 'Signature of the attestation',
  leaves: 'Sealed leaves',
  proof: 'Proof',
  statement: 'Compiled statement',
  document: 'Public document',
} as const;

export const problems = {
  tooLarge: (name: string, size: string, limit: string): string =>
    `${name} is too large for this page (${size}; the limit is ${limit}). If it belongs to a bundle, the command line tool checks it.`,
  tooLargeTotal: (limit: string): string =>
    `These files are more than ${limit} together. Use the command line tool: sealedbook verify.`,
  tooMany: (limit: number): string =>
    `More than ${limit} files at once. If this is a large bundle, use the command line tool: sealedbook verify.`,
  empty: (name: string): string => `${name} is empty. Fetch it again from where you got it.`,
  unreadable: (name: string): string => `${name} could not be read. Is it still where it was?`,
  unknownJson: (name: string): string =>
    `${name} is JSON, but not a file of sealedbook: an opening says "format": "sealedbook/opening/v1".`,
  brokenJson: (name: string): string =>
    `${name} begins like JSON, but is cut off or altered. Fetch it again, without opening it in an editor.`,
  unknown: (name: string): string =>
    `${name} is not a file that this page knows. It takes openings, certificates, and the files of a bundle.`,
  report: (name: string): string =>
    `${name} is a report, not an opening. Add the opening that the report was made from.`,
  vault: (name: string): string =>
    `${name} belongs to an exchange’s vault, which must stay secret. This page does not take it.`,
  hex: (name: string): string =>
    `${name} holds 64 hexadecimal digits: a key, a book digest or a root hash. Put them into the field they belong to, under “What you know from elsewhere”.`,
  tooLargeForCodes: 'This opening is too large for QR codes: take the file itself.',
  clipboardEmpty: 'There is no text on the clipboard.',
} as const;

export const ask = {
  heading: 'Say what you expect',
  taskLabel: 'What shall be checked?',
  tasks: {
    opening: 'My account, with the opening',
    certificate: 'The certificate that I was shown',
    bundle: 'The whole bundle: every leaf and every proof',
    proofs: 'The proofs that I added',
    attestation: 'Who signed the attestation',
  },
  account: 'Your account id',
  accountHint:
    'Type it as you know it from your exchange. It shows that the leaf is yours and nobody else’s.',
  accountMissing: 'Type your account id first.',
  audience: 'Made for',
  audienceHint: 'The text that you gave to whoever showed you the certificate: your name, a purpose, a date.',
  elsewhere: 'What you know from elsewhere',
  elsewhereHint:
    'From the exchange’s website, its auditor, or an earlier date. Not from the same place as the files.',
  issuerKey: 'The exchange’s public key',
  bookDigest: 'Book digest',
  rootHash: 'Root hash',
  hexHint: '64 hexadecimal digits',
  hexWrong: (label: string): string => `${label}: these are not 64 hexadecimal digits (0–9, a–f).`,
  statementAdded: 'You insist on the statement in',
  pricesAdded: 'You insist on the prices in',
  compiledAdded: (names: readonly string[]): string =>
    `Compiled statement added: ${names.join(', ')}. It is used where a model cannot be compiled here.`,
  check: 'Check',
  cancel: 'Cancel',
  nothingYet: 'Add an opening, a certificate or a bundle to check.',
  needSignature:
    'The attestation’s signature, attestation.sig, is missing: without it the attestation is not used.',
} as const;

export const progress = {
  running: 'Checking…',
  cancelled: 'Cancelled. Nothing was decided.',
} as const;

export const verdict = {
  heading: 'Result',
  accepted: 'Accepted',
  rejected: 'Rejected',
  incomplete: 'Fits together, not compared',
  undecided: 'Not decided: a file is missing',
  undecidedWords:
    'Nothing is wrong so far. The model is of a kind that this page does not compile: its compiled statement is missing.',
  undecidedAdvice: [
    'Make it from model and market with “sealedbook model compile”, or take it from the service: /v1/attestations/…/statements/….bin.',
    'Add the file here and check again. The result will say that its rows are claimed to be what the model says.',
    'Or check with the command line tool, which compiles every model: “sealedbook verify-certificate”, “sealedbook verify”.',
  ],
  needed: 'What is missing',
  openingAccepted: (book: string): string => `Your account, with exactly these balances, is in ${book}.`,
  sealedBy: (issuer: string, when: string): string => `the book that ${issuer} sealed for ${when}`,
  signedInTheNameOf: (issuer: string, when: string): string =>
    `a book signed in the name of ${issuer} for ${when} (you gave no key to compare with)`,
  openingByRoot: 'Your account, with exactly these balances, is under the root hash that you gave.',
  openingOwnRoot:
    'The opening fits together, but nothing here shows that its book is the published one: compare the book digest below.',
  certificateOwnRoot:
    'The certificate fits together, but nothing here shows that its book is the published one: compare the book digest below.',
  certificateAccepted: (statement: string, leaf: string, book: string): string =>
    `${statement}: proven for leaf ${leaf} of ${book}.`,
  certificateByRoot: (statement: string, leaf: string): string =>
    `${statement}: proven for leaf ${leaf} under the root hash that you gave.`,
  failedCheck: 'Failed check',
  found: 'What was found',
  whatNow: 'What to do now',
  time: (milliseconds: number): string =>
    milliseconds < 1000
      ? `Checked here in ${Math.max(1, Math.round(milliseconds))} ms.`
      : `Checked here in ${(milliseconds / 1000).toFixed(1)} s.`,
} as const;

export const positions = {
  heading: 'Your balances in this book',
  lead: 'Compare every line with your own records for that moment. What is not listed is zero.',
  asset: 'Asset',
  amount: 'Balance',
  debt: 'debt',
  none: 'None: this account is empty in this book. If you held something, complain.',
  account: 'Account',
  asOf: 'As of',
  issuer: 'Exchange',
} as const;

export const tree = {
  heading: 'The path from your leaf to the root',
  headingCertificate: 'The path from the leaf to the root',
  lead: 'Each level joins two nodes into one. Choose a level to see what was computed.',
  root: 'Root',
  leaf: 'Your leaf',
  leafCertificate: 'Leaf',
  level: (level: number): string => `Level ${level}`,
  details: 'What was computed at this level',
  summary: (height: number, leaf: string, count: string, reached: boolean): string =>
    `A drawing of ${height} levels, from leaf ${leaf} of ${count} up to the root. ` +
    (reached ? 'Every level fits, and the last one is the root.' : 'The path does not lead to the root.'),
  step: (level: number, side: 'left' | 'right', node: string, sibling: string): string =>
    `Level ${level}: node ${node}, neighbour ${sibling} on the ${side}.`,
  detailHeading: (level: number): string => `From level ${level} to level ${level + 1}`,
  detailRoot: 'The root',
  leafWords:
    'The tag binds the account id, the commitment binds the balances. Hashed together they are the leaf.',
  stepWords: (side: 'left' | 'right'): string =>
    `The neighbour stands on the ${side}. Hash: SHA-256 of both nodes. Sum: both sums added on the curve, so that every amount counts once.`,
  rootWords: 'What the path ends in has to be the attested root: hash (O9) and sum (O10).',
  rootWordsCertificate: 'What the path ends in has to be the attested root: hash (K6) and sum (K7).',
  own: 'This node',
  sibling: 'Neighbour',
  parent: 'Together',
  hash: 'hash',
  sum: 'sum',
  tag: 'tag',
  commitment: 'commitment',
  expected: 'attested',
  mismatch: 'Does not fit',
  table: 'The same as a list',
  tableColumns: ['Level', 'This node', 'Neighbour', 'Side'],
  fits: 'fits',
  notReached: 'not reached',
  stopped: 'Not reached: an earlier check failed.',
  left: 'left',
  right: 'right',
  single: 'This book has a single leaf: it is the root.',
} as const;

export const checks = {
  heading: 'Every check',
  lead: 'In the order in which they were made. The names are those of the protocol.',
  passed: (count: number): string => (count === 1 ? '1 check passed' : `${count} checks passed`),
  status: { ok: 'passed', skipped: 'skipped', failed: 'failed' } satisfies Record<StepStatus, string>,
  notReached: 'not reached',
  figures: 'Figures',
} as const;

export const levels: Readonly<Record<Level, { readonly word: string; readonly meaning: string }>> = {
  proven: { word: 'proven', meaning: 'a proof of it was checked here' },
  recomputed: { word: 'recomputed', meaning: 'computed here from what is published or what you hold' },
  signed: { word: 'signed', meaning: 'stated by the holder of the key named, who signed it' },
  claimed: { word: 'claimed', meaning: 'stated in the data; nothing stands behind it' },
  hidden: { word: 'hidden', meaning: 'not revealed to you, by design' },
  'not-proven': { word: 'not yet proven', meaning: 'nothing here shows it' },
};

export const findings = {
  heading: 'What is shown, and how well',
  lead: 'Nothing is rounded up. What is only claimed is called claimed.',
  legend: 'What the words mean',
  more: (count: string): string => `and ${count} more`,
} as const;

export const claims = {
  heading: 'What the exchange claims about the whole book',
  accounts: 'Every account',
  book: 'The book as a whole',
  bookWords: (model: string): string =>
    `The sums over all accounts stay within the limits in ${model}. No sum is shown.`,
  signatures: (file: string): string =>
    `The market comes with signatures of its sources (${file}), which were not looked at in this check.`,
  accountsWords: (model: string): string => `Every leaf satisfies the model in ${model}.`,
  solvency: 'Reserves',
  solvencyWords: (ratio: string, totals: string): string =>
    `The reserves stated are at least ${ratio} of every asset. The totals are ${totals}.`,
  ratioOne: 'the total',
  ratio: (numerator: string, denominator: string): string => `${numerator}/${denominator} of the total`,
  hidden: 'hidden',
  public: 'public',
  notChecked: 'Its proof was not looked at in this check.',
  checkBundle: 'To check it, add the whole bundle and choose “The whole bundle”.',
  none: 'None in this attestation.',
} as const;

export const solvency = {
  heading: 'Reserves and what is owed',
  reserves: 'Reserves',
  total: 'Owed to accounts',
  reservesAtLeast: (ratio: string): string => `reserves stated are at least ${ratio}`,
  unknownCover: 'Nothing was found about what the total rests on.',
  stated: 'stated by the exchange; no chain was read',
  hiddenTotal: 'total hidden',
  hiddenWords:
    'The totals are hidden. The proof shows only that the reserves stated are at least that much; how much is left over stays hidden.',
  publicWords:
    'The totals are public. Bars of one asset have one scale; assets cannot be compared with each other.',
  failed: 'The claim failed: these figures show nothing.',
  moreAssets: (count: number): string => `Show ${count} more`,
} as const;

export const model = {
  heading: 'The statement, in words and as it was checked',
  headingBundle: 'The model, as it was checked',
  rows: (rows: string, bits: string): string =>
    rows === '1' ? `1 row, ${bits} bits for each account.` : `${rows} rows, ${bits} bits for each account.`,
  rowsHeading: 'Rows, in base units',
  more: (count: string): string => `and ${count} more`,
  document: 'The document',
  marketDocument: 'The prices',
  given:
    'These rows come from the compiled statement that you added. The proof was checked for exactly these rows. That they are what model and market say is only claimed: this page does not compile such models. “sealedbook model compile” makes the file from model and market, and “sealedbook verify-certificate” and “sealedbook verify” compile everything themselves.',
  rowsOfBook: (rows: string, bits: string): string =>
    `${rows} rows, ${bits} bits, about the sums over all accounts.`,
  kinds: {
    'at-least': (fields: Readonly<Record<string, string>>): string =>
      `The account holds at least ${fields['amount'] ?? '?'} ${fields['asset'] ?? '?'}.`,
    'net-value': (): string =>
      'No account is worth less than nothing at the public prices, debts counted as negative.',
    'net-value-at-least': (fields: Readonly<Record<string, string>>): string =>
      `At the prices in the certificate, debts counted, the account is worth at least ${fields['value'] ?? '?'}.`,
    'non-negative': (): string => 'No balance is below zero.',
    bounded: (): string => 'Every balance is a whole number of base units within the range of amounts.',
    all: (): string => 'All statements in the document hold together.',
    'balanced-book': (): string =>
      'The sums over all accounts stay within the limits of the document; the lines below have them in words.',
  } as Readonly<Record<string, ((fields: Readonly<Record<string, string>>) => string) | undefined>>,
  otherKind: (kind: string): string => `A model of the kind “${kind}”: read its document.`,
} as const;

export const limits = {
  heading: 'What this does not show',
  opening: [
    'That the exchange can pay, or that no other account is negative. Inclusion alone shows neither.',
    'That others are in the book. Each holder checks their own account.',
    'That everybody is shown the same book. Compare the book digest below with others.',
    'That it is still true. The book speaks of one moment.',
    'That the balances are right. Only you know what you should have.',
  ],
  certificate: [
    'Whose account it is. Whoever made the certificate knows what the leaf holds: its holder, the exchange, or somebody they told.',
    'That it is still true. It speaks of the moment of the book.',
    'Debts elsewhere: other accounts, other exchanges, assets that the statement does not count.',
    'That the exchange can pay. It says what was sealed, not what is there.',
    'That the same balance was not shown to others as well.',
  ],
  bundle: [
    'That balances equal what customers believe they have. Each holder alone can check theirs.',
    'That the reserves exist, belong to the exchange alone, or will be there tomorrow. No chain was read.',
    'That the model measures risk well: only that every account, or the whole book, meets it.',
    'That everybody is shown the same book. Compare the book digest with others.',
  ],
} as const;

export const digests = {
  heading: 'Compare with others',
  lead: 'Everybody with this book must see the same book digest. Another one for the same exchange and moment is a serious matter: keep both.',
  book: 'Book digest',
  root: 'Root hash',
  key: 'Public key',
  attestation: 'Attestation digest',
  copy: 'Copy',
  copied: 'Copied.',
  copyFailed: 'Copying was refused by the browser: select the text and copy it yourself.',
  matches: 'is what you typed',
} as const;

export const transfer = {
  heading: 'Take the opening to another device',
  lead: 'These codes hold your opening, with your balances. Show them to nobody. On the other device open this page and choose “Scan a QR code”.',
  show: 'Show as QR codes',
  part: (part: number, parts: number): string => (parts === 1 ? 'QR code' : `QR code ${part} of ${parts}`),
} as const;

export const scanner = {
  heading: 'Scan a QR code',
  camera: 'Use the camera',
  picture: 'Choose pictures of QR codes',
  lead: 'An opening may need several codes; scan them in any order.',
  aim: 'Hold the code in front of the camera.',
  got: (have: number, parts: number): string => `${have} of ${parts} codes read.`,
  notOurs: 'A QR code was read, but it is none of sealedbook.',
  otherSet: 'This code belongs to another opening than the ones before. The earlier ones were dropped.',
  damaged: 'All codes were read, but they do not fit together. Scan them again.',
  noCode: (name: string): string =>
    `No QR code was found in ${name}. Take the picture straight, sharp and close.`,
  noPicture: (name: string): string => `${name} is not a picture that this browser can read.`,
  noCamera:
    'No camera can be used here: there is none, or the browser was not allowed to use it. Choose pictures instead.',
  close: 'Close',
} as const;

/** What a check means when it failed, and what to do. */
export interface CheckWords {
  readonly name: string;
  readonly meaning: string;
  readonly advice: readonly string[];
}

const AGAIN =
  'Fetch the file again from where you got it, without opening it in an editor, and check once more.';
const AGAIN_BUNDLE = 'Fetch the bundle again, without opening its files in an editor, and check once more.';
const KEEP =
  'If it stays: keep all files exactly as they are; they are the evidence. Note the name of the check and the book digest.';
const COMPLAIN =
  'Ask the exchange in writing, and its auditor: anybody with the bundle can repeat this check. Do not publish the opening itself, it shows your balances.';
const MAKER =
  'Ask whoever showed you the certificate for the file as it was made. Until then it shows nothing.';
const KEEP_CERTIFICATE = 'Keep this file as it is: an altered certificate is evidence too.';
const OPENING = [AGAIN, KEEP, COMPLAIN];
const BUNDLE = [AGAIN_BUNDLE, KEEP, 'Ask the exchange in writing, and its auditor.'];
const CERTIFICATE = [MAKER, KEEP_CERTIFICATE];
const CLAIM = [
  AGAIN_BUNDLE,
  KEEP,
  'Do not rely on the claim. Ask the exchange and its auditor, and name the check and the book digest.',
];

function words(name: string, meaning: string, advice: readonly string[]): CheckWords {
  return { name, meaning, advice };
}

/** By name of the check, as in docs/protocol.md. */
export const checkWords: Readonly<Record<string, CheckWords | undefined>> = {
  'B1-files': words(
    'Files of the bundle',
    'A file of the bundle is missing, or is not what it should be.',
    BUNDLE,
  ),
  'B2-attestation': words(
    'Form of the attestation',
    'The attestation is damaged or was reformatted.',
    BUNDLE,
  ),
  'B3-issuer': words(
    'The key you expect',
    'The attestation is signed with another key than the one you gave.',
    [
      'Compare the key with its source once more, digit by digit.',
      'If it is right, this bundle is not your exchange’s: keep it as it is and tell the exchange.',
    ],
  ),
  'B4-signature': words(
    'Signature',
    'The signature does not fit the attestation: one of them was altered.',
    BUNDLE,
  ),
  'B5-listing': words(
    'List of files',
    'The bundle does not hold exactly the files that its attestation lists.',
    BUNDLE,
  ),
  'B6-digests': words('Digests of files', 'A file of the bundle is not the one that was signed.', BUNDLE),
  'B7-leaves': words('Leaves', 'A sealed leaf is malformed, or two leaves share one tag.', BUNDLE),
  'B8-root-hash': words(
    'Root hash of all leaves',
    'The published leaves do not make up the attested root.',
    BUNDLE,
  ),
  'B9-root-sum': words(
    'Root sum of all leaves',
    'The published leaves do not add up to the attested total.',
    BUNDLE,
  ),
  'B10-claims': words('Claims you require', 'The bundle does not make a claim that you require.', BUNDLE),
  'C1-documents': words(
    'Documents of the claim',
    'Model or market are not those you insist on, or make no statement that is allowed.',
    CLAIM,
  ),
  'C2-statement': words(
    'Statement of the claim',
    'The documents say something else than what is claimed to be proven.',
    CLAIM,
  ),
  'C3-proof-files': words('Proof files', 'Proofs are missing, too many, or of the wrong length.', CLAIM),
  'C4-proofs': words('Proofs', 'A proof about the accounts does not hold.', CLAIM),
  'M2-signatures': words(
    'Signatures of the market',
    'A signature of the market does not hold: it is not what its sources signed.',
    CLAIM,
  ),
  'W1-documents': words(
    'Documents of the claim about the whole book',
    'Model or market are not those you insist on, or are not about the whole book.',
    CLAIM,
  ),
  'W2-statement': words(
    'Statement about the whole book',
    'The statement is another one than what is claimed to be proven.',
    CLAIM,
  ),
  'W3-proof': words('Proof about the whole book', 'The proof about the whole book does not hold.', CLAIM),
  'S1-reserves': words(
    'Form of the reserves',
    'The statement of reserves is malformed or does not fit this book.',
    CLAIM,
  ),
  'S2-statement': words(
    'Statement of reserves',
    'Reserves and ratio are not those that the claim was made for.',
    CLAIM,
  ),
  'S3-totals': words(
    'Form of the totals',
    'The published totals are malformed or do not fit this book.',
    CLAIM,
  ),
  'S4-proof': words(
    'Proof of reserves',
    'The proof that the reserves cover the totals does not hold.',
    CLAIM,
  ),
  'S5-cover': words('Cover', 'The reserves stated are less than what is owed.', CLAIM),
  'O1-form': words('Form of the opening', 'The file is damaged, or is no opening.', [AGAIN, KEEP, COMPLAIN]),
  'O2-account': words('Your account id', 'The opening is for another account id than the one you typed.', [
    'Look for a slip: capitals count, spaces inside count.',
    'If you typed your id rightly, you were given somebody else’s opening: tell the exchange, and delete the file.',
  ]),
  'O3-root': words(
    'The book you trust',
    'The opening belongs to another book than the one you compare it with.',
    [
      'Make sure that both are of the same date: an opening from last month does not fit this month’s book.',
      'If they are of the same date, you were given an opening for a book that is not the published one. Keep both files as they are.',
      COMPLAIN,
    ],
  ),
  'O4-tag': words(
    'Leaf bound to your id',
    'The leaf was made for another account id: the file was altered, or you are shown somebody else’s leaf.',
    OPENING,
  ),
  'O5-positions': words('Assets', 'The balances are not in the assets of this book.', OPENING),
  'O6-commitment': words('Balances', 'The balances in the file are not the ones that were sealed.', OPENING),
  'O7-leaf': words('Published leaf', 'The published leaves do not hold your leaf.', OPENING),
  'O8-path': words('Path', 'The path to the root is malformed.', OPENING),
  'O9-root-hash': words(
    'Path to the root hash',
    'Your leaf does not lead to the root: your account is not shown to be in the book.',
    OPENING,
  ),
  'O10-root-sum': words(
    'Path to the root sum',
    'Your balances are not shown to be part of the total.',
    OPENING,
  ),
  'K1-form': words('Form of the certificate', 'The file is damaged, or is no certificate.', CERTIFICATE),
  'K2-root': words(
    'The book you trust',
    'The certificate speaks of another book than the one you compare it with.',
    ['Make sure that both are of the same date.', ...CERTIFICATE],
  ),
  'K3-audience': words('Made for you', 'The certificate was made for somebody else.', [
    'Look for a slip in what you typed: capitals and spaces count.',
    'If you typed it rightly, the certificate was passed on. Ask for one that is made for you.',
  ]),
  'K4-leaf': words('Leaf', 'The leaf is not the published one, or is malformed.', CERTIFICATE),
  'K5-path': words('Path', 'The path to the root is malformed.', CERTIFICATE),
  'K6-root-hash': words(
    'Path to the root hash',
    'The leaf does not lead to the root of the book.',
    CERTIFICATE,
  ),
  'K7-root-sum': words('Path to the root sum', 'The leaf is not shown to be part of the total.', CERTIFICATE),
  'K8-documents': words(
    'Statement and prices',
    'Statement or prices are not those you insist on, or make no statement about this book.',
    CERTIFICATE,
  ),
  'K9-statement': words(
    'What is certified',
    'The statement was altered after the certificate was made.',
    CERTIFICATE,
  ),
  'K10-proof': words(
    'Proof',
    'The proof does not hold: the certificate was altered, or is false.',
    CERTIFICATE,
  ),
};

export const unknownCheck: CheckWords = words('Check', 'A check failed.', [AGAIN, KEEP]);

/** Why a check cannot be started. */
export const missing = {
  file: 'Add the file to check first.',
  account: ask.accountMissing,
  signature: ask.needSignature,
  forProof: (proof: string, names: readonly string[]): string =>
    `${proof} was not checked: add ${names.join(', ')} as well.`,
} as const;
