// The types that every dashboard must have: those of Grafana's published schema, made stricter
// where the schema leaves a value open.

import type { Dashboard, FieldConfig, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as common from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON holds the values of enums, not their names.
type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends (infer Entry)[]
      ? Plain<Entry>[]
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

// What is in use of Grafana's units, its DateFormat units included.
type Unit =
  | 'locale' | 'none' | 'string' | 'percentunit' | 's' | 'bytes' | 'dthms' | 'dateTimeAsIso' | `suffix: ${string}`
  | 'time:YYYY-MM-DD ddd';

// The data source's own types are not in the package: packages/grafana-prometheus/src/dataquery.ts.
interface Query {
  refId: string;
  datasource: { type: 'prometheus'; uid: '${datasource}' };
  editorMode: 'code';
  expr: string;
  instant: boolean;
  range: boolean;
  format?: 'table';
  legendFormat?: string;
  // The shortest step; $__rate_interval is at least four of it.
  interval?: '2m';
}

interface Link { title: string; url: string; targetBlank: boolean }

type Property<Id extends string, Value> = { id: Id; value: Value };
type CustomProperties<Custom> = {
  [Key in keyof Custom & string]-?: Property<`custom.${Key}`, NonNullable<Custom[Key]>>;
}[keyof Custom & string];
type Properties<Custom> =
  | Property<'unit', Unit>
  | Property<'decimals' | 'min' | 'max', number>
  | Property<'displayName' | 'noValue', string>
  // Of Grafana 12, before `hideFrom` was in tables.
  | Property<'custom.hidden', true>
  // Of Grafana 12, before `custom.wrapText`.
  | Property<'custom.cellOptions', { type: 'auto'; wrapText: true }>
  | Property<'links', Link[]>
  | Property<'mappings', NonNullable<FieldConfig['mappings']>>
  | Property<'thresholds', NonNullable<FieldConfig['thresholds']>>
  | Property<'color', NonNullable<FieldConfig['color']>>
  | CustomProperties<Custom>;

type Fields<Custom> = {
  defaults: Omit<FieldConfig, 'custom' | 'unit'> & { unit: Unit; custom?: Partial<Custom> };
  overrides: {
    matcher: { id: 'byName' | 'byRegexp'; options: string };
    properties: Properties<Custom>[];
  }[];
};

type Of<Type extends string, Options, Custom, More = object> =
  Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'transformations' | 'title' | 'description' | 'id' | 'gridPos'> &
  Required<Pick<Panel, 'title' | 'description' | 'id' | 'gridPos'>> &
  { type: Type; options: Options; fieldConfig: Fields<Custom>; targets: Query[] } & More;

interface Organize {
  includeByName: Record<string, boolean>;
  indexByName: Record<string, number>;
  renameByName: Record<string, string>;
}

type AnyPanel =
  | Of<'stat', stat.Options, object>
  | Of<'bargauge', bargauge.Options, object>
  | Of<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | Of<'table', table.Options, table.FieldConfig, {
      transformations: [{ id: 'merge'; options: object }, { id: 'organize'; options: Organize }];
    }>;

type Row = Omit<RowPanel, 'panels' | 'collapsed'> & { collapsed: true; panels: AnyPanel[] };

type PrometheusVariable = Omit<VariableModel, 'type' | 'query'> & {
  type: 'query';
  // 1 is label_values, 3 is query_result: the variable editor of the data source.
  query: { qryType: 1 | 3; query: string; refId: string };
};
type Variable = PrometheusVariable | Omit<VariableModel, 'type' | 'query'> & { type: 'custom' | 'datasource'; query: string };

export type Strict = Plain<
  Omit<Required<Dashboard>, 'panels' | 'templating' | Absent> & {
    panels: (AnyPanel | Row)[];
    templating: { list: Variable[] };
  }
>;
type Absent = 'id' | 'version' | 'revision' | 'gnetId' | 'snapshot' | 'fiscalYearStartMonth' | 'liveNow' | 'preload' | 'weekStart';
export type { common };
