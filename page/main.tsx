import { render } from "preact";
import type { PageReport } from "../servers/page/model.js";
import { App } from "./app.js";

/** Reads the report that stands in the page, and shows it. */
const text = document.getElementById("report")?.textContent ?? "";
const place = document.getElementById("page");
if (place !== null) {
  const first = JSON.parse(text) as PageReport;
  render(<App first={first} live={document.documentElement.dataset.live !== undefined} />, place);
}
