// The types of contrib/grafana/network-connections.json, which
// scripts/check/dashboard appends to this file.
import type * as schema from "@grafana/schema";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as series from
  "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// In JSON an enum of strings is one of these strings.
type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
// The schema leaves open what a query is, and which options a panel has.
type Query = { refId: string; expr: string; legendFormat: string; range: true };
type Panel<Type, Options, Custom> = Omit<schema.Panel, "type" | "targets" | "options" | "fieldConfig"> & {
  type: Type;
  targets: Query[];
  options: Options;
  fieldConfig: Omit<schema.FieldConfigSource, "defaults"> & {
    defaults: Omit<schema.FieldConfig, "custom"> & { custom?: Custom };
  };
};
type Panels =
  | Panel<"stat", Partial<stat.Options>, never>
  | Panel<"timeseries", series.Options, series.FieldConfig>
  | (Omit<schema.RowPanel, "type"> & { type: "row" });
export const dashboard: Plain<Omit<schema.Dashboard, "panels"> & { panels: Panels[] }> =
