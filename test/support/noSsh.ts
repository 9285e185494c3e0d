import { join } from "node:path";

// Before every test file: no test, and nothing that it starts, dials a host of a stack file by accident.
process.env.PATH = `${join(import.meta.dirname, "refusing")}:${process.env.PATH}`;
