import { defined } from "../../postgres/defined.js";
import { type JobEvent, numberIn } from "./events.js";

/** What `restore` and `drill` say on their way; the first ones are what they would do. */
export type RestoreEvent =
  | {
      readonly code: "from";
      readonly run: string;
      readonly place: string;
      readonly folder: string;
      readonly ended?: number;
      readonly verifiedAt?: number;
    }
  | { readonly code: "target"; readonly address: string; readonly port: number; readonly version: string }
  | { readonly code: "makeRole" | "makeTablespace"; readonly name: string }
  | { readonly code: "make" | "fill"; readonly database: string; readonly target: string; readonly bytes: number }
  | {
      readonly code: "replace";
      readonly database: string;
      readonly target: string;
      readonly bytes: number;
      /** What the one that is there will be called. */
      readonly kept: string;
    }
  /** A schema or tables go into a database that has nothing yet, with the definitions of all. */
  | { readonly code: "part"; readonly target: string; readonly there: "missing" | "empty" }
  | { readonly code: "schema"; readonly target: string; readonly schema: string }
  | {
      readonly code: "table";
      readonly target: string;
      readonly act: "make" | "fill" | "replace";
      readonly schema: string;
      readonly table: string;
    }
  | { readonly code: "space"; readonly needed: number; readonly free: number }
  | { readonly code: "way"; readonly way: Way }
  | { readonly code: "step"; readonly database?: string; readonly step: string }
  | { readonly code: "progress"; readonly done: number; readonly total: number }
  /** `message`: a program's own words. */
  | { readonly code: "error"; readonly database?: string; readonly file?: string; readonly message: string }
  | { readonly code: "remark"; readonly database?: string; readonly about: string; readonly message: string }
  | { readonly code: "restored"; readonly target: string; readonly done: boolean; readonly seconds: number }
  | { readonly code: "kept"; readonly database: string; readonly as: string };

/** What is in the way of a restore. */
export type Way =
  | { readonly code: "recovery" | "noGlobals" }
  | { readonly code: "unknownDatabase"; readonly database: string }
  | { readonly code: "unknownSchema"; readonly database: string; readonly schema: string }
  | { readonly code: "unknownTable"; readonly database: string; readonly table: string }
  | { readonly code: "database"; readonly database: string; readonly objects: number }
  | { readonly code: "rows"; readonly database: string; readonly schema: string; readonly table: string }
  | { readonly code: "role"; readonly role: string; readonly database: string }
  | { readonly code: "tablespaceFolder"; readonly folder: string }
  | { readonly code: "space"; readonly needed: number; readonly free: number }
  | { readonly code: "damaged"; readonly file: string }
  /** Of a program that knows more than we do. */
  | { readonly code: "other"; readonly what: string };

/** What a program says, as data; undefined for what is of another kind. */
export function restoreEvent({ word, fields }: JobEvent): RestoreEvent | undefined {
  const [a = "", b = "", c = "", d = "", e = "", f = ""] = fields;
  const whose = a === "-" ? {} : { database: a };
  switch (word) {
    case "from":
      return {
        code: "from",
        run: a,
        place: b,
        folder: f,
        ...defined({ ended: numberIn(d), verifiedAt: numberIn(e) }),
      };
    case "target":
      return { code: "target", address: a, port: Number(b), version: c };
    case "would":
      return would(fields);
    case "space":
      return { code: "space", needed: Number(a), free: Number(b) };
    case "way":
      return { code: "way", way: wayOf(fields) };
    case "step":
      return { code: "step", ...whose, step: b };
    case "progress":
      return { code: "progress", done: Number(a), total: Number(b) };
    case "error":
      return { code: "error", ...whose, ...(b === "-" ? {} : { file: b }), message: c };
    case "remark":
      return { code: "remark", ...whose, about: b, message: c };
    case "kept":
      return { code: "kept", database: a, as: b };
  }
  return undefined;
}

function would([what, a = "", b = "", c = "", d = "", e = ""]: readonly string[]): RestoreEvent | undefined {
  switch (what) {
    case "role":
      return { code: "makeRole", name: a };
    case "tablespace":
      return { code: "makeTablespace", name: a };
    case "make":
    case "fill":
      return { code: what, database: a, target: b, bytes: Number(c) };
    case "replace":
      return { code: "replace", database: a, target: b, bytes: Number(c), kept: d };
    case "part":
      return { code: "part", target: b, there: c === "empty" ? "empty" : "missing" };
    case "schema":
      return { code: "schema", target: b, schema: c };
    case "table":
      return { code: "table", target: b, act: c as "make" | "fill" | "replace", schema: d, table: e };
  }
  return undefined;
}

function wayOf([code = "", a = "", b = "", c = ""]: readonly string[]): Way {
  switch (code) {
    case "recovery":
      return { code };
    case "no-globals":
      return { code: "noGlobals" };
    case "unknown-database":
      return { code: "unknownDatabase", database: a };
    case "unknown-schema":
      return { code: "unknownSchema", database: a, schema: b };
    case "unknown-table":
      return { code: "unknownTable", database: a, table: b };
    case "database":
      return { code, database: a, objects: Number(b) };
    case "rows":
      return { code, database: a, schema: b, table: c };
    case "role":
      return { code, role: a, database: b };
    case "tablespace-folder":
      return { code: "tablespaceFolder", folder: a };
    case "space":
      return { code, needed: Number(a), free: Number(b) };
    case "damaged":
      return { code, file: a };
  }
  return { code: "other", what: [code, a, b, c].join(" ").trim() };
}
