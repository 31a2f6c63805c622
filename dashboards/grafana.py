"""Boards as Grafana's JSON."""

import json

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.annotations import ANNOTATIONS, Annotation
from dashboards.model import Board, Panel, Query, Threshold, Variable

RUNBOOKS = "https://github.com/example/tillstream/blob/main/alerts/runbooks"
TAG = "tillstream"
# One Prometheus an environment: who chooses the one chooses the other.
ENVIRONMENT = "environment"
SOURCE = models.DataSourceRef("prometheus", f"${{{ENVIRONMENT}}}")

SdkPanel = timeseries.Panel | stat.Panel | table.Panel


def rendered(board: Board) -> str:
    """The JSON as it is committed: keys in order, so that a change of one panel is a difference of one panel."""
    return json.dumps(made(board), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def made(board: Board) -> models.Dashboard:
    to_others = (
        dashboard.DashboardLink("Tillstream")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.told)
        .tags([TAG])
        .timezone("utc")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("1m")
        .link(to_others)
        .with_variable(dashboard.DatasourceVariable(ENVIRONMENT).label("environment").type("prometheus"))
    )
    for variable in board.variables:
        builder = builder.with_variable(_variable(variable))
    for annotation in ANNOTATIONS:
        builder = builder.annotation(_annotation(annotation))
    number = 0
    for row in board.rows:
        number += 1
        builder = builder.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            builder = builder.with_panel(_panel(panel, number))
    return builder.build()


def _variable(variable: Variable) -> Builder[models.VariableModel]:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.name)
        .query(f"label_values({variable.metric}, {variable.label})")
        .datasource(SOURCE)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _annotation(annotation: Annotation) -> Builder[models.AnnotationQuery]:
    return (
        dashboard.AnnotationQuery()
        .name(annotation.name)
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color(annotation.colour)
        .expr(annotation.expr)
    )


def _panel(panel: Panel, number: int) -> Builder[models.Panel]:
    builder = (
        _kind(panel)
        .id(number)
        .title(panel.title)
        .description(panel.told)
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(panel.height)
        .thresholds(_thresholds(panel.thresholds or (Threshold(0, "green"),)))
    )
    if panel.minimum is not None:
        builder = builder.min(panel.minimum)
    if panel.runbook:
        link = dashboard.DashboardLink(f"Runbook {panel.runbook}").url(f"{RUNBOOKS}/{panel.runbook}.md")
        builder = builder.links([link.target_blank(target_blank=True)])
    for position, query in enumerate(panel.queries):
        builder = builder.with_target(_query(panel, query, chr(ord("A") + position)))
    for name, thresholds in panel.thresholds_of.items():
        value = models.DynamicConfigValue("thresholds", _thresholds(thresholds).build())
        builder = builder.override_by_name(name, [value])
    return builder


def _kind(panel: Panel) -> SdkPanel:
    match panel.kind:
        case "timeseries":
            return _lines(panel)
        case "table":
            hidden = models.DataTransformerConfig("organize", options={"excludeByName": {"Time": True}})
            return table.Panel().with_transformation(hidden)
        case "stat" | "tiles":
            made = stat.Panel().color_mode(options.BigValueColorMode.BACKGROUND).no_value("no data")
            last = common.ReduceDataOptions().calcs(["lastNotNull"])
            made = made.graph_mode(options.BigValueGraphMode.NONE).reduce_options(last)
            # Tiles are many: each needs its name to be of use.
            several = panel.kind == "tiles" or any(query.legend.startswith("{{") for query in panel.queries)
            mode = options.BigValueTextMode.VALUE_AND_NAME if several else options.BigValueTextMode.VALUE
            return made.text_mode(mode).color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(options.LegendDisplayMode.LIST).show_legend(show_legend=True)
    tooltip = common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)
    made = (
        timeseries.Panel()
        .legend(legend.placement(options.LegendPlacement.BOTTOM))
        .tooltip(tooltip)
        .show_points(options.VisibilityMode.NEVER)
        .fill_opacity(40 if panel.stacked else 8)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    )
    if panel.thresholds or panel.thresholds_of:
        made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphTresholdsStyleMode.DASHED))
    if panel.stacked:
        made = made.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    return made


def _thresholds(thresholds: tuple[Threshold, ...]) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(None, thresholds[0].colour)]
    steps += [models.Threshold(each.value, each.colour) for each in thresholds[1:]]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _query(panel: Panel, query: Query, reference: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(reference).datasource(SOURCE)
    if panel.kind == "timeseries":
        return made.range().legend_format(query.legend)
    if panel.kind == "table":
        return made.instant().format(PromQueryFormat.TABLE)
    return made.instant().legend_format(query.legend)
