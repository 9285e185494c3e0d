import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { hostOf } from "../../hosts/index.js";
import type { RolloutDeclaration, RolloutSite } from "./rolloutSite.js";

/** A rollout of what a server does not start with, as an administrator meets it. */
export class WontStart {
  constructor(
    readonly site: RolloutSite,
    private readonly good: RolloutDeclaration,
  ) {}

  names(): readonly string[] {
    return Object.keys(this.good.servers);
  }

  /** Of the postmasters: another one was started since where it is another. */
  pids(): readonly (string | undefined)[] {
    const fileOf = (name: string) => join(this.site.server(name).dataDirectory, "postmaster.pid");
    return this.names().map((name) =>
      existsSync(fileOf(name)) ? readFileSync(fileOf(name), "utf8").split("\n")[0] : undefined,
    );
  }

  /** Why an `up` failed. */
  async failing(): Promise<string> {
    const failure = await this.site.up().catch((error: Error) => error);
    if (!(failure instanceof Error)) throw new Error("the up went through");
    return failure.message;
  }

  /** As declared, with these lines behind: for what a declaration is not let through with, or a rehearsal puts elsewhere. */
  declare(declaration: RolloutDeclaration, name = "", more: Readonly<Record<string, string>> = {}): void {
    this.site.declare(declaration);
    const { servers } = this.site.site;
    const lines = Object.entries(more).map(([setting, value]) => `${setting} = '${value}'\n`);
    const edited = servers.map((server) => {
      if (server.name !== name) return server;
      const files = { ...server.files, "postgresql.conf": `${server.files["postgresql.conf"]}${lines.join("")}` };
      return { ...server, files, settings: { ...server.settings, ...more } };
    });
    this.site.site = { ...this.site.site, servers: edited };
  }

  /** The preview says it, the `up` refuses it in the same words, nothing was stopped and nothing is left; mended, all is well. */
  async refused(declaration: RolloutDeclaration, ...words: readonly string[]): Promise<string> {
    this.site.declare(declaration);
    return this.refusedNow(words);
  }

  /** The same of what is declared by now. @param untold it is not tried in a preview, which runs nothing that is new */
  async refusedNow(words: readonly string[], untold = false): Promise<string> {
    const before = this.pids();
    const previewed = await this.site.preview();
    const failure = await this.failing();
    const refusals = previewed.filter((line) => line.startsWith("refused: "));
    expect(refusals).toEqual(untold ? [] : previewed);
    for (const said of untold ? [failure] : [previewed.join("\n"), failure])
      for (const word of words) expect(said).toContain(word);
    this.nothingIsLeft();
    expect(this.pids()).toEqual(before);
    await this.mended(before);
    return failure;
  }

  /** It starts with its old files where it does not with the new ones; what it is `to` get shows again, and mended, all is well. */
  async putBack(declaration: RolloutDeclaration, ...words: readonly string[]): Promise<void> {
    this.site.declare(declaration);
    expect((await this.site.preview()).join("\n")).toContain("restart");
    const failure = await this.failing();
    for (const word of words) expect(failure).toContain(word);
    expect(failure).toContain("the files that it had are back in place, and it runs with them as before");
    this.nothingIsLeft();
    expect(await this.site.preview()).not.toEqual([]);
    await this.mended(undefined);
  }

  /** The good declaration changes nothing, and all stream. */
  async mended(before: readonly (string | undefined)[] | undefined): Promise<void> {
    this.site.declare(this.good);
    await this.site.up();
    if (before !== undefined) expect(this.pids()).toEqual(before);
    expect(await this.site.preview()).toEqual([]);
  }

  nothingIsLeft(): void {
    for (const name of this.names()) {
      const { controlDirectory } = this.site.server(name);
      expect(["dry-start", "pending.json"].filter((file) => existsSync(join(controlDirectory, file)))).toEqual([]);
    }
  }

  /** As a rollout leaves it that is cut off when a server is stopped, and has its new file. */
  async cutOff(declaration: RolloutDeclaration, name: string, file: string): Promise<void> {
    const { dataDirectory, controlDirectory, role, host: spec, settings } = this.site.server(name);
    const host = hostOf(spec);
    const path = join(dataDirectory, file);
    const bytes = readFileSync(path, "latin1");
    await this.site.stop(name);
    this.site.declare(declaration);
    await host.writeFile(path, this.site.server(name).files[file] ?? "");
    const pending = { action: "restart", pid: 1, settings, replaced: { [path]: { mode: 0o600, bytes } }, role };
    await host.writeFile(join(controlDirectory, "pending.json"), JSON.stringify(pending));
  }

  /** A folder of a server's own that is declared as `/logs`. */
  async folderOf(name: string): Promise<string> {
    const { host } = this.site.server(name);
    const folder = join(this.site.folder, host.name, "logs");
    await hostOf(host).makeDirectory(folder);
    return folder;
  }

  /** Has a folder closed when the rollout comes to its step with these words: after everything was asked. */
  closeBefore(words: string, folder: string): void {
    this.site.beforeStep = async (step) => {
      if (step.includes(words)) chmodSync(folder, 0o500);
    };
  }

  open(folder: string): void {
    this.site.beforeStep = async () => undefined;
    chmodSync(folder, 0o700);
  }
}
