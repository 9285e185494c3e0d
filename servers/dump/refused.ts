import type { DumpRefusal } from "../../postgres/dumps/model.js";
import { dumpRefusalInWords } from "../words/dump.js";

/** A dump was not made, or not brought back. */
export class DumpRefused extends Error {
  constructor(readonly why: DumpRefusal) {
    super(dumpRefusalInWords(why));
    this.name = "DumpRefused";
  }
}
