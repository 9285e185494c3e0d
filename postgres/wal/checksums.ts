/** The checksums of WAL records. */

/** Takes the checksum so far, 0xffffffff at first, over more bytes; the last one is inverted. */
export type Checksum = (sum: number, bytes: Buffer) => number;

/** CRC-32C. */
export const castagnoli: Checksum = (sum, bytes) => {
  let value = sum;
  for (const byte of bytes) value = (castagnoliTable[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  return value >>> 0;
};

/** Until 9.4: the table of CRC-32, which is made for bits from the low end, used from the high one. */
export const legacy: Checksum = (sum, bytes) => {
  let value = sum;
  for (const byte of bytes) value = (crc32Table[((value >>> 24) ^ byte) & 0xff] as number) ^ (value << 8);
  return value >>> 0;
};

const castagnoliTable = tableOf(0x82f63b78);
const crc32Table = tableOf(0xedb88320);

function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_none, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ polynomial;
    return value >>> 0;
  });
}
