import type { MoveRefusal } from "../../postgres/move/model.js";
import { moveRefusalInWords } from "../words/move.js";

/** A server is not moved, and nothing was touched. */
export class MoveRefused extends Error {
  constructor(
    readonly server: string,
    readonly refusals: readonly MoveRefusal[],
  ) {
    const lines = refusals.map(moveRefusalInWords);
    super(
      lines.length === 1
        ? `${server} is not moved: ${lines[0]}`
        : `${server} is not moved, for ${lines.length} reasons:\n${lines.map((line) => `  ${line}`).join("\n")}`,
    );
    this.name = "MoveRefused";
  }
}
