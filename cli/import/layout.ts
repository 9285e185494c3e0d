import { dirname } from "node:path";
import {
  configurationDirectoryIn,
  dataDirectoryIn,
  type LayoutName,
  layoutNames,
  programsIn,
  unitOf,
} from "../../config/layouts.js";
import type { HandMade } from "./read.js";

type Found = Pick<HandMade, "version" | "configurationDirectory" | "binDirectory" | "service"> & {
  readonly place: Pick<HandMade["place"], "dataDirectory">;
};

/** The distribution's layout that a server stands in: by where its parts are, or by the unit that starts it. */
export function layoutOf(found: Found): LayoutName {
  return layoutNames.find((layout) => layout !== "plain" && standsIn(layout, found)) ?? "plain";
}

function standsIn(
  layout: LayoutName,
  { place, version, configurationDirectory, binDirectory, service }: Found,
): boolean {
  if (binDirectory !== programsIn(layout, version)) return false;
  const { dataDirectory } = place;
  const usual = configurationDirectoryIn(layout, dataDirectory, version);
  if (usual !== undefined) {
    return configurationDirectory !== undefined && dirname(configurationDirectory) === dirname(usual);
  }
  if (configurationDirectory !== undefined) return false;
  const unit = unitOf({ layout, dataDirectory, version });
  return dataDirectory === dataDirectoryIn(layout, version) || (unit !== undefined && unit === service?.name);
}
