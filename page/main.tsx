import { render } from "preact";
import { App } from "./app.js";
import { readReport } from "./read.js";

/** Reads the report that stands in the page, and shows it. */
const text = document.getElementById("report")?.textContent ?? "";
const place = document.getElementById("page");
if (place !== null) {
  const first = readReport(text);
  render(<App first={first} live={document.documentElement.dataset.live !== undefined} />, place);
}
