import type { PageSetting } from "../../servers/page/model.js";
import { driftsIn } from "../differences.js";
import { asShown, isDifferent, type SettingRow, type SettingValue, settingsOf, wasAsked } from "../settings.js";
import type { SiteView } from "../sites.js";
import { count, names } from "../words.js";
import { Part, Value } from "./parts.js";
import { type Column, Row, Table } from "./table.js";

/** So many servers have a column each; of more, those that have a setting alike are named together. */
const columns = 6;

/** `only`: only rows with a difference are seen. They are all there, so that printing and the browser's own search have them. */
export function Settings(props: {
  readonly sites: readonly SiteView[];
  readonly only: boolean;
  readonly onOnly: (only: boolean) => void;
}) {
  const { sites, only, onOnly } = props;
  const rows = sites.map((site) => ({ site, rows: settingsOf(site) }));
  const all = rows.flatMap((each) => each.rows);
  const different = all.filter(isDifferent).length;
  return (
    <Part id="settings" title="Settings" note="What servers run with, side by side.">
      <p>
        <label class="check">
          <input type="checkbox" checked={only} onChange={(event) => onOnly(event.currentTarget.checked)} /> Only
          differences
        </label>
        <span class="quiet printed">
          {all.length} settings, {different} with differences
        </span>
        <span class="quiet screen" role="status">
          {" "}
          {only
            ? `${different} of ${count(all.length, "setting")}`
            : `all ${count(all.length, "setting")}, ${different} with differences`}
        </span>
      </p>
      <div class={only ? "only" : ""}>
        {rows.map(({ site, rows: own }) => (
          <SiteSettings key={site.id} site={site} rows={own} titled={sites.length > 1} />
        ))}
      </div>
    </Part>
  );
}

function SiteSettings(props: {
  readonly site: SiteView;
  readonly rows: readonly SettingRow[];
  readonly titled: boolean;
}) {
  const { site, rows, titled } = props;
  const few = site.servers.length <= columns;
  const served = site.servers.map(({ data }): Column => [data.name, 76 / site.servers.length]);
  const head: readonly Column[] = few
    ? [["Setting", 24], ...served]
    : [
        ["Setting", 30],
        ["Value, and where", 70],
      ];
  return (
    <div class="sub">
      {titled ? (
        <h3>
          <bdi>{site.name}</bdi>
        </h3>
      ) : null}
      {rows.some(isDifferent) ? null : <p class="quiet">{rows.length === 0 ? "None is known." : alike(site)}</p>}
      {rows.length === 0 ? null : (
        <div class={rows.some(isDifferent) ? "" : "same"}>
          <Table label={`Settings of ${site.name}`} head={head}>
            {rows.map((row) => (
              <Row
                key={row.name}
                id={row.id}
                kind={kindOf(row)}
                first={<Name row={row} />}
                cells={
                  few
                    ? cellsOf(site, row)
                    : [["Value, and where", <Values key="values" row={row} all={site.servers.length} />]]
                }
              />
            ))}
          </Table>
        </div>
      )}
    </div>
  );
}

/** What the settings of servers say. Of the files, only what was asked. */
function alike({ stacks, servers }: SiteView): string {
  if (!servers.every(wasAsked)) return "No difference is known: not every server was asked for its settings.";
  const compared = stacks.every(({ data }) => data.drift.outcome === "clean");
  if (compared) return "No difference: all servers have all settings alike, and as declared.";
  return "All servers run with all settings alike. Their files were not all compared with what is declared.";
}

/** Not as declared stands out; what only is not the same everywhere may well be meant so: an address, a connection string. */
const kindOf = (row: SettingRow): string => (row.drifted || row.waits ? "different" : row.uneven ? "uneven" : "same");

function Name({ row: { name, drifted, waits, uneven } }: { readonly row: SettingRow }) {
  const said = [
    ...(drifted ? ["≠ not as declared"] : []),
    ...(waits ? ["waits for a restart"] : []),
    ...(uneven && !drifted ? ["not the same everywhere"] : []),
  ];
  return (
    <>
      <bdi class="value">{name}</bdi>
      {said.length === 0 ? null : <div class={drifted ? "differs" : "quiet"}>{said.join(", ")}</div>}
    </>
  );
}

function cellsOf(site: SiteView, row: SettingRow) {
  return site.servers.map((server) => {
    const found = row.values.find(({ servers }) => servers.includes(server));
    const none = wasAsked(server) ? "default" : "not known";
    const shown =
      found === undefined ? (
        <span class="quiet">{none}</span>
      ) : (
        <Setting of={found.setting} asked={wasAsked(server)} drifts={driftsIn(server, row.name)} />
      );
    return [server.data.name, shown] as const;
  });
}

function Setting(props: { readonly of: PageSetting; readonly asked: boolean; readonly drifts: boolean }) {
  const { of, asked, drifts } = props;
  return (
    <>
      <Value>{asShown(of)}</Value>
      {of.running === undefined ? (
        <span class="quiet"> declared; {asked ? "the server does not show it" : "not asked"}</span>
      ) : null}
      {of.differs ? (
        <div class="differs">
          <span aria-hidden="true">≠ </span>declared <Value>{of.declared ?? ""}</Value>
        </div>
      ) : drifts ? (
        <div class="differs">
          <span aria-hidden="true">≠ </span>not as declared: see drift
        </div>
      ) : null}
      {of.pendingRestart === true ? <div class="quiet">waits for a restart</div> : null}
    </>
  );
}

function Values({ row, all }: { readonly row: SettingRow; readonly all: number }) {
  return (
    <ul class="values">
      {row.values.map((value, index) => (
        <li key={index}>
          <Setting
            of={value.setting}
            asked={value.servers.some(wasAsked)}
            drifts={value.servers.some((server) => driftsIn(server, row.name))}
          />{" "}
          <span class="quiet">{whereOf(value.servers, all)}</span>
        </li>
      ))}
      {row.absent.length === 0 ? null : <li class="quiet">default {whereOf(row.absent, all)}</li>}
    </ul>
  );
}

function whereOf(servers: SettingValue["servers"], all: number): string {
  if (servers.length === all) return `on all ${all} servers`;
  const own = servers.map(({ data }) => data.name);
  return `on ${own.length > 6 ? `${own.length} servers: ` : ""}${names(own, own.length > 12 ? 3 : 12)}`;
}
