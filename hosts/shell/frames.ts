/** What one request brought on one stream. */
export interface Frame {
  readonly body: Buffer;
  readonly code: number;
}

/**
 * Cuts a stream into what each request printed. A frame ends with a line of its own that holds a word which nothing else
 * can hold, since it was drawn by lot for this session, and an exit code of three digits: the body may be any bytes.
 */
export class Frames {
  readonly #mark: Buffer;
  readonly #length: number;
  #chunks: Buffer[] = [];
  #size = 0;
  /** The end of what was seen of this frame: its last line may come in pieces. */
  #window = Buffer.alloc(0);
  #tooLong = false;

  /** @param limit how long a body may be, in bytes @param onTooLong called where it is longer; then nothing is kept any more */
  constructor(
    token: string,
    private readonly limit: () => number,
    private readonly onFrame: (frame: Frame) => void,
    private readonly onTooLong: () => void,
  ) {
    this.#mark = Buffer.from(`\n${token} `);
    this.#length = this.#mark.length + "000\n".length;
  }

  push(chunk: Buffer): void {
    if (this.#tooLong) return;
    const window = Buffer.concat([this.#window, chunk]);
    const windowStart = this.#size - this.#window.length;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const found = window.indexOf(this.#mark);
    const isWhole = found !== -1 && found + this.#length <= window.length;
    if ((isWhole ? windowStart + found : this.#size - this.#length) > this.limit()) {
      this.#tooLong = true;
      this.#chunks = [];
      this.onTooLong();
      return;
    }
    if (!isWhole) {
      this.#window = window.subarray(-this.#length);
      return;
    }
    const end = windowStart + found;
    const whole = Buffer.concat(this.#chunks);
    const code = Number(whole.toString("latin1", end + this.#mark.length, end + this.#length - 1));
    this.#chunks = [];
    this.#size = 0;
    this.#window = Buffer.alloc(0);
    this.onFrame({ body: whole.subarray(0, end), code });
    if (whole.length > end + this.#length) this.push(whole.subarray(end + this.#length));
  }

  /** What belongs to no frame that has ended. */
  rest(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
