import { limits } from "../judge.js";
import { bytes, seconds } from "../words.js";
import { Part } from "./parts.js";

/** Words of PostgreSQL's, Pulumi's and pgsite's that not everybody has at hand at night. */
const words: readonly (readonly [string, string])[] = [
  ["WAL", "the log of all changes that a primary writes and its standbys replay; lag is the WAL that they still lack"],
  ["lag", `is marked from ${bytes(limits.bytes)} on, or from ${seconds(limits.seconds)} with WAL outstanding`],
  ["timeline", "a number that a promotion raises by one: servers of one site are to be on the same"],
  ["in recovery", "replays WAL and takes no writes; it lets in whoever reads (read-only), or nobody (refuses queries)"],
  ["mirror", "a standby of another stack, which follows this site from afar"],
  ["site, stack", "a site is one replicated database; its servers are declared in one or several stack files"],
  ["rollout", "a run of pulumi up: servers are made as declared, one after the other"],
  ["upgrade", "to another major version of PostgreSQL"],
  ["drill", "restores a backup into a scratch server, and compares"],
  ["whole", "a backup that was written to its end and checked; partial: being written, or cut off"],
  ["restart in order", "servers restart one after the other, so that no standby has a setting below its primary's"],
  ["wait", "follows from other differences: pulumi up waits until it is right, and says why if it does not come"],
  ["by hand", "nothing that pulumi up does undoes it"],
];

export function Glossary() {
  return (
    <Part id="words" title="Words">
      <details>
        <summary>What they mean here</summary>
        <dl class="words">
          {words.map(([word, meaning]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </details>
    </Part>
  );
}
