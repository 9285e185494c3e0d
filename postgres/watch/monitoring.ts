/**
 * What docs/monitoring/ holds, from the tables of conditions and metrics: alert rules, their tests, and a dashboard. JSON is YAML,
 * so that one writer does for all of it.
 */
import { conditions } from "./conditions.js";
import { conditionMetric, type Metric, metrics, type Panel } from "./metrics.js";

/** What an alert says of a condition: its title and what to do, with the object in the place of %o. */
export interface AlertText {
  readonly title: string;
  readonly advice: string;
}
export type AlertTexts = (condition: string) => AlertText;

/** Files of docs/monitoring, by name. */
export const monitoringFiles = ["alerts.yml", "alerts.test.yml", "dashboard.json"] as const;
export type MonitoringFile = (typeof monitoringFiles)[number];

/** How long a watch may be silent that runs every hour: as long as two of its runs. */
const silent = { seconds: 7500, name: "PgsiteWatchSilent" };

const heading =
  "# Made from the tables in postgres/watch/ (npm run check holds it to them). docs/watch.md says what each condition is.\n";

export function renderMonitoring(file: MonitoringFile, texts: AlertTexts): string {
  switch (file) {
    case "alerts.yml":
      return `${heading}${json({ groups: [{ name: "pgsite", rules: rules(texts) }] })}`;
    case "alerts.test.yml":
      return `${heading}${json(tests(texts))}`;
    case "dashboard.json":
      return json(dashboard());
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Thresholds and how often a condition must hold are the watch's own: rules say the same as mails. */
function rules(texts: AlertTexts) {
  return [
    {
      alert: silent.name,
      expr: `time() - pgsite_watch_time_seconds > ${silent.seconds}`,
      labels: { severity: "critical" },
      annotations: {
        summary: "{{ $labels.site }} {{ $labels.server }}: the watch has not run for {{ $value | humanizeDuration }}",
        description:
          "Nothing is known of this server since then. See whether its host lives and its schedule runs. With another schedule than hourly, give this rule another limit.",
      },
    },
    {
      alert: "PgsiteMailWaits",
      expr: "pgsite_mail_unsent > 0",
      for: "2h",
      labels: { severity: "warning" },
      annotations: {
        summary: "{{ $labels.site }} {{ $labels.server }}: {{ $value }} mails wait for the host's sendmail",
        description: "See what sendmail says: the watch's log has it.",
      },
    },
    ...conditions.map(({ name, severity }) => {
      const { title, advice } = inPrometheus(texts(name));
      return {
        alert: alertOf(name),
        expr: `${conditionMetric.name}{condition="${name}"} == 1`,
        labels: { severity: severity === "note" ? "info" : severity },
        annotations: { summary: `{{ $labels.site }} {{ $labels.server }}: ${title}`, description: advice },
      };
    }),
  ];
}

export function alertOf(condition: string): string {
  return `Pgsite${condition.slice(0, 1).toUpperCase()}${condition.slice(1)}`;
}

/** Sentences have the object; a value is in the panels. */
function inPrometheus({ title, advice }: AlertText): AlertText {
  const written = (text: string) =>
    text
      .replace(/\{([^{}]*)\}/g, "$1")
      .replaceAll("%o", "{{ $labels.object }}")
      .replaceAll("%v", "(see the dashboard)");
  return { title: written(title), advice: written(advice) };
}

function tests(texts: AlertTexts) {
  const base = 'site="sispi",server="server2"';
  const labels = (more: object) => ({ site: "sispi", server: "server2", ...more });
  const each = conditions.map((condition) => {
    const { name, severity } = condition;
    const series = `${conditionMetric.name}{${base},condition="${name}",severity="${severity}",object="x"}`;
    const rule = rules(texts).find(({ alert }) => alert === alertOf(name));
    const level = severity === "note" ? "info" : severity;
    const filled = (text: string) =>
      text
        .replaceAll("{{ $labels.site }}", "sispi")
        .replaceAll("{{ $labels.server }}", "server2")
        .replaceAll("{{ $labels.object }}", "x");
    return {
      interval: "1h",
      input_series: [
        { series, values: "0 1 1 0" },
        { series: `pgsite_watch_time_seconds{${base}}`, values: "0+3600x3" },
      ],
      alert_rule_test: [
        { eval_time: "0h", alertname: alertOf(name), exp_alerts: [] },
        {
          eval_time: "2h",
          alertname: alertOf(name),
          exp_alerts: [
            {
              exp_labels: labels({ condition: name, object: "x", severity: level }),
              exp_annotations: {
                summary: filled(rule?.annotations.summary ?? ""),
                description: filled(rule?.annotations.description ?? ""),
              },
            },
          ],
        },
        { eval_time: "3h", alertname: alertOf(name), exp_alerts: [] },
        { eval_time: "3h", alertname: silent.name, exp_alerts: [] },
      ],
    };
  });
  const quiet = {
    interval: "1h",
    // It ran for two hours, and its file stays as it was.
    input_series: [
      { series: `pgsite_watch_time_seconds{${base}}`, values: "0 3600 7200 7200 7200 7200" },
      { series: `pgsite_mail_unsent{${base}}`, values: "0 1 1 1 1 0" },
    ],
    alert_rule_test: [
      { eval_time: "3h", alertname: silent.name, exp_alerts: [] },
      {
        eval_time: "5h",
        alertname: silent.name,
        exp_alerts: [
          {
            exp_labels: labels({ severity: "critical" }),
            exp_annotations: {
              summary: "sispi server2: the watch has not run for 3h 0m 0s",
              description: rules(texts)[0]?.annotations.description ?? "",
            },
          },
        ],
      },
      { eval_time: "2h", alertname: "PgsiteMailWaits", exp_alerts: [] },
      {
        eval_time: "4h",
        alertname: "PgsiteMailWaits",
        exp_alerts: [
          {
            exp_labels: labels({ severity: "warning" }),
            exp_annotations: {
              summary: "sispi server2: 1 mails wait for the host's sendmail",
              description: rules(texts)[1]?.annotations.description ?? "",
            },
          },
        ],
      },
      { eval_time: "5h", alertname: "PgsiteMailWaits", exp_alerts: [] },
    ],
  };
  return { rule_files: ["alerts.yml"], evaluation_interval: "1h", tests: [quiet, ...each] };
}

/** What a panel asks; `$site` and `$server` are the dashboard's variables. */
export function queryOf({ name }: Metric, { query = "$metric" }: Panel): string {
  const labels = '{site=~"$site",server=~"$server"}';
  return query.replaceAll("$metric", `${name}${labels}`).replaceAll("$labels", labels);
}

const source = { type: "prometheus", uid: `\${source}` };
const wide = 24;

function dashboard() {
  const rows = [...new Set(metrics.flatMap(({ panel }) => panel?.row ?? []))];
  let id = 0;
  let y = 0;
  const panels: object[] = [
    {
      id: ++id,
      type: "table",
      title: "What is wrong",
      description: "Conditions that hold: of each there is a mail.",
      datasource: source,
      gridPos: { x: 0, y, w: wide, h: 7 },
      targets: [
        {
          refId: "A",
          expr: `${conditionMetric.name}{site=~"$site",server=~"$server"} == 1`,
          format: "table",
          instant: true,
          datasource: source,
        },
      ],
      options: { showHeader: true },
      transformations: [
        {
          id: "organize",
          options: { excludeByName: { Time: true, Value: true, __name__: true, instance: true, job: true } },
        },
      ],
    },
  ];
  y += 7;
  for (const row of rows) {
    panels.push({
      id: ++id,
      type: "row",
      title: row,
      collapsed: false,
      gridPos: { x: 0, y, w: wide, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    for (const metric of metrics) {
      const { panel, label, help } = metric;
      if (panel === undefined || panel.row !== row) continue;
      panels.push({
        id: ++id,
        type: "timeseries",
        title: panel.title,
        description: help,
        datasource: source,
        gridPos: { x, y, w: wide / 3, h: 7 },
        fieldConfig: {
          defaults: { unit: panel.unit, custom: { drawStyle: "line", lineInterpolation: "stepAfter" } },
          overrides: [],
        },
        options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
        targets: [
          {
            refId: "A",
            expr: queryOf(metric, panel),
            legendFormat: `{{server}}${label === undefined ? "" : ` {{${label}}}`}`,
            datasource: source,
          },
        ],
      });
      x += wide / 3;
      if (x >= wide) [x, y] = [0, y + 7];
    }
    if (x > 0) y += 7;
  }
  return {
    title: "pgsite",
    uid: "pgsite",
    tags: ["postgresql", "pgsite"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: "5m",
    time: { from: "now-7d", to: "now" },
    templating: {
      list: [
        { name: "source", type: "datasource", query: "prometheus", label: "Prometheus" },
        variable("site", "label_values(pgsite_watch_time_seconds, site)"),
        variable("server", 'label_values(pgsite_watch_time_seconds{site=~"$site"}, server)'),
      ],
    },
    annotations: { list: [] },
    links: [],
    panels,
  };
}

function variable(name: string, query: string) {
  return {
    name,
    type: "query",
    datasource: source,
    query: { query, refId: name },
    definition: query,
    includeAll: true,
    multi: true,
    refresh: 2,
    sort: 1,
    current: { text: ["All"], value: ["$__all"] },
  };
}
