import { createHash } from "node:crypto";
import { stripVTControlCharacters } from "node:util";
import { visible } from "../../core/card/visible.ts";

/** What is kept of an output stream, in bytes. Enough for the error message that commands end with, little for an accident. */
const tailBytes = 4_096;

/** What is reported of one output stream: everything by its digest, the end of it in words. */
export type Captured = {
  bytes: number;
  /** `sha256:` of everything written. */
  digest: string;
  /** The last 4 KiB as text, without colours and with control characters made visible. */
  tail: string;
};

/** Sees a stream go by: hashes all of it and keeps the end. */
export class Capture {
  readonly #hash = createHash("sha256");
  #bytes = 0;
  #tail = Buffer.alloc(0);

  get bytes(): number {
    return this.#bytes;
  }

  take(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
  }

  /** Once, at the end. */
  finish(): Captured {
    return {
      bytes: this.#bytes,
      digest: `sha256:${this.#hash.digest("hex")}`,
      tail: textOf(this.#tail, this.#bytes),
    };
  }
}

function textOf(tail: Buffer, bytes: number): string {
  // A tail may begin inside a character: its continuation bytes are no text.
  const first = tail.findIndex((byte) => (byte & 0xc0) !== 0x80);
  const start = bytes > tailBytes ? Math.min(3, Math.max(0, first)) : 0;
  const plain = stripVTControlCharacters(tail.subarray(start).toString("utf8")).replaceAll("\r\n", "\n");
  return plain.replace(/[^\n\t]+/gu, visible);
}
