export interface ZipFile {
  readonly name: string;
  /** As they stand in the archive. */
  readonly data: Uint8Array;
  readonly method: number;
  readonly crc: number;
  /** What both records say of the size inflated. */
  readonly size: number;
  readonly flags?: number;
  /** Where the directory says the entry is; where it is unless told. */
  readonly local?: number;
}

/** A zip archive that says whatever it is told to, written from the format's description and not by the writer. */
export function zipOf(files: readonly ZipFile[]): Uint8Array {
  const parts: number[] = [];
  const put = (size: 2 | 4, value: number): void => {
    for (let byte = 0; byte < size; byte++) parts.push((value >>> (8 * byte)) & 255);
  };
  const head = ({ name, data, method, crc, size, flags = 0 }: ZipFile): void => {
    for (const value of [20, flags, method, 0, 0x21]) put(2, value);
    for (const value of [crc, data.length, size]) put(4, value);
    for (const value of [new TextEncoder().encode(name).length, 0]) put(2, value);
  };
  const starts = files.map((file) => {
    const start = parts.length;
    put(4, 0x04034b50);
    head(file);
    parts.push(...new TextEncoder().encode(file.name));
    for (const byte of file.data) parts.push(byte);
    return start;
  });
  const directory = parts.length;
  files.forEach((file, i) => {
    put(4, 0x02014b50);
    put(2, 20);
    head(file);
    for (const value of [0, 0, 0]) put(2, value);
    put(4, 0);
    put(4, file.local ?? starts[i]!);
    parts.push(...new TextEncoder().encode(file.name));
  });
  const size = parts.length - directory;
  put(4, 0x06054b50);
  for (const value of [0, 0, files.length, files.length]) put(2, value);
  put(4, size);
  put(4, directory);
  put(2, 0);
  return Uint8Array.from(parts);
}
