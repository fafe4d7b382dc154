'use strict';
// The pictures that pages with proven zones share. Each is drawn anew when the format, the colour scheme or the medium
// (print) changes.

// Stripes: what no proof is known of.
function hatched() {
  const tile = el('canvas', {width: 8, height: 8}), ctx = tile.getContext('2d');
  ctx.strokeStyle = css('soft');
  ctx.lineWidth = 1.5;
  for (const x of [-4, 4, 12]) {
    ctx.beginPath();
    ctx.moveTo(x - 5, 9);
    ctx.lineTo(x + 5, -1);
    ctx.stroke();
  }
  return ctx.createPattern(tile, 'repeat');
}
const class_fill = (name) => (name === uncertified ? hatched() : css(name));

function draw_zones() {
  const formats = data.formats.filter((format) => format.points);
  if (!formats.length) return draw('zones-chart', no_points);
  const datasets = zone_names.map((zone) => ({
    label: zone, data: formats.map(({name}) => 100 * data.zones[name][zone].share), backgroundColor: css(zone),
    borderColor: css('paper'), borderWidth: {left: 0, right: 1}, barThickness: 26}));
  const summary = formats.map(({name, points}) => `${name}, ${plural(points, noun)}: ` +
    zone_names.map((zone) => `${zone} ${percent(data.zones[name][zone].share)}`).join(', ')).join('; ');
  draw('zones-chart', `Share of ${nouns} in each zone. ${summary}`, {type: 'bar', data: {labels: formats.map((f) => short(f.name)), datasets},
    options: {indexAxis: 'y', plugins: {legend: {display: false},
      tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${percent(item.raw / 100)}`}}},
    scales: {x: {stacked: true, min: 0, max: 100, ticks: {callback: (x) => `${x} %`, maxTicksLimit: narrow() ? 5 : 11}},
      y: {stacked: true, ...names(formats.map((f) => short(f.name)))}}}}, 46 + 42 * formats.length,
  {file: 'zones.csv', what: 'zones', rows: () => [['format', 'zone', nouns.replace('-', '_'), 'share', 'ci95_low', 'ci95_high'],
    ...formats.flatMap(({name}) => zone_names.map((zone) => [name, zone, ...figures(data.zones[name][zone])]))]});
}

function draw_causes() {
  const rows = data.causes[state.format] ?? [];
  if (!rows.length) return draw('causes-chart', `There is no compensation ${noun} here, so there is no cause to show.`);
  const layers = [...new Set(rows.map((row) => row.layer))];
  const labels = layers.map((layer) => layer || '(no layer)');
  const of = (cause, layer) => rows.filter((r) => r.cause === cause && r.layer === layer).reduce((sum, r) => sum + r.count, 0);
  const datasets = [...new Set(rows.map((row) => row.cause))].map((cause) => ({label: cause,
    data: layers.map((layer) => of(cause, layer)), backgroundColor: css(cause_colour(cause)), barThickness: 22}));
  const summary = rows.map((r) => `${r.cause} at ${r.layer || 'no layer'}: ${count(r.count)}`).join('; ');
  draw('causes-chart', `Compensation ${nouns} by layer and cause. ${summary}`, {type: 'bar', data: {labels, datasets},
    options: {indexAxis: 'y', plugins: {legend: {display: false}},
      scales: {x: {stacked: true, ticks: {precision: 0, maxTicksLimit: narrow() ? 5 : 9}, title: title(nouns)},
        y: {stacked: true, ...names(labels)}}}}, 70 + 36 * layers.length,
  {file: `causes-${file_name(state.format)}.csv`, what: 'causes', rows: () => [['format', 'layer', 'cause', nouns.replace('-', '_')],
    ...rows.map((r) => [state.format, r.layer, r.cause, r.count])]});
}

// Dashed vertical lines on a category axis whose bins are decades: a threshold stands at its place inside its decade.
function threshold_lines(rules, decades) {
  return {id: 'thresholds', afterDatasetsDraw(chart) {
    const {ctx, chartArea: area, scales: {x}} = chart;
    const step = x.getPixelForValue(1) - x.getPixelForValue(0);
    ctx.save();
    ctx.strokeStyle = css('ink');
    ctx.font = `600 12px ${css('sans')}`;
    rules.forEach((rule, i) => {
      const log = Math.log10(rule.tau), bin = decades.indexOf(Math.floor(log + 1e-9));
      if (bin < 0) return;
      const at = x.getPixelForValue(bin) + (log - Math.floor(log + 1e-9) - 0.5) * step;
      ctx.setLineDash([5, 4]);
      ctx.beginPath();
      ctx.moveTo(at, area.top);
      ctx.lineTo(at, area.bottom);
      ctx.stroke();
      const text = ` τ = ${scientific(rule.tau)} `, width = ctx.measureText(text).width;
      const left = at > (area.left + area.right) / 2 ? at - width - 1 : at + 1, top = area.top + 2 + 18 * i;
      ctx.fillStyle = css('paper');
      ctx.fillRect(left, top, width, 16);
      ctx.fillStyle = css('ink');
      ctx.fillText(text, left, top + 12);
    });
    ctx.restore();
  }};
}

// A bar of what does not differ may dwarf all others: it is cut off, and its number stands at its end.
function cut_bar(decades, totals) {
  const zero = decades.indexOf('zero'), most = Math.max(0, ...totals.filter((_, i) => i !== zero));
  if (zero < 0 || !most || totals[zero] <= 4 * most) return undefined;
  return {max: Math.ceil(1.5 * most), plugin: {id: 'cut', afterDatasetsDraw({ctx, chartArea: area, scales: {x}}) {
    ctx.save();
    ctx.font = `600 12px ${css('sans')}`;
    const text = `${count(totals[zero])} ↑`, at = Math.max(area.left + 1, x.getPixelForValue(zero) - ctx.measureText(text).width / 2);
    ctx.fillStyle = css('paper');
    ctx.fillRect(at - 3, area.top, ctx.measureText(text).width + 6, 18);
    ctx.fillStyle = css('ink');
    ctx.fillText(text, at, area.top + 13);
    ctx.restore();
  }}};
}

const decade_words = (decade) => (decade === 'zero' ? '0' : decade === 'inf' ? 'infinite' : `from 1e${decade}`);
const decade_ends = (decade) => (decade === 'zero' ? [0, 0] : decade === 'inf' ? ['inf', 'inf'] : [`1e${decade}`, `1e${decade + 1}`]);

function draw_statistic() {
  const bins = data.statistics[state.format]?.[state.norm] ?? [];
  buttons('norm-switch', 'Add up', [['inf', 'largest entries (∞-norm)'], ['l1', 'all entries (1-norm)']], state.norm,
    (norm) => { state.norm = norm; draw_statistic(); });
  if (!bins.length) return draw('statistic-chart', `There are no ${nouns} to show.`);
  const rules = (data.thresholds[state.format] ?? []).filter((rule) => rule.tau && rule.norm === state.norm);
  const finite = [...bins.map((bin) => bin.decade).filter(Number.isInteger), ...rules.map((r) => Math.floor(Math.log10(r.tau) + 1e-9))];
  const low = Math.min(...finite) - 1, high = Math.max(...finite) + 1;
  const decades = [...(bins.some((b) => b.decade === 'zero') ? ['zero'] : []),
    ...(finite.length ? Array.from({length: high - low + 1}, (_, i) => low + i) : []),
    ...(bins.some((b) => b.decade === 'inf') ? ['inf'] : [])];
  const labels = decades.map((d) => (d === 'zero' ? '0' : d === 'inf' ? '∞' : `1e${d}`));
  const classes = [...zone_names, uncertified].filter((name) => bins.some((bin) => bin.zones[name]));
  const at = (decade, name) => bins.find((bin) => bin.decade === decade)?.zones[name] ?? 0;
  const datasets = classes.map((name) => ({label: name, data: decades.map((decade) => at(decade, name)),
    backgroundColor: class_fill(name), borderColor: css('soft'), borderWidth: name === uncertified ? 1 : 0,
    categoryPercentage: 1, barPercentage: 0.94}));
  const cut = cut_bar(decades, decades.map((decade) => classes.reduce((sum, name) => sum + at(decade, name), 0)));
  const summary = bins.map((b) => `${decade_words(b.decade)}: ` +
    `${classes.filter((z) => b.zones[z]).map((z) => `${b.zones[z]} ${z}`).join(', ')}`).join('; ');
  draw('statistic-chart', `${capital(nouns)} by power of ten of the statistic. ${summary}`, {type: 'bar', data: {labels, datasets},
    plugins: [threshold_lines(rules, decades), ...(cut ? [cut.plugin] : [])],
    options: {plugins: {legend: legend(), tooltip: {mode: 'index'}},
      scales: {x: {stacked: true, grid: {display: false}, title: title(narrow() ? 'from (up to ten times as much)' :
        'difference of the float gradients: each bar from the value named to ten times as much')},
        y: {stacked: true, grace: cut ? 0 : '12%', max: cut?.max, ticks: {precision: 0}, title: title(nouns)}}}}, undefined,
  {file: `statistic-${file_name(state.format)}.csv`, what: 'the difference of the float gradients',
    rows: () => [['format', 'statistic', 'from', 'to', ...classes],
      ...bins.map((bin) => [state.format, `stat_${state.norm}`, ...decade_ends(bin.decade), ...classes.map((name) => bin.zones[name])])]});
}
