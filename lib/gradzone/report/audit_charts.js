'use strict';
// The pictures of an audit. Each is drawn anew when the format, the colour scheme or the medium (print) changes.

function draw_zones() {
  const formats = data.formats.filter((format) => format.points);
  if (!formats.length) return draw('zones-chart', 'No point was audited.');
  const datasets = zone_names.map((zone) => ({
    label: zone, data: formats.map(({name}) => 100 * data.zones[name][zone].share), backgroundColor: css(zone),
    borderColor: css('paper'), borderWidth: {left: 0, right: 1}, barThickness: 26}));
  const summary = formats.map(({name, points}) => `${name}, ${plural(points, 'point')}: ` +
    zone_names.map((zone) => `${zone} ${percent(data.zones[name][zone].share)}`).join(', ')).join('; ');
  draw('zones-chart', `Share of points in each zone. ${summary}`, {type: 'bar', data: {labels: formats.map((f) => short(f.name)), datasets},
    options: {indexAxis: 'y', plugins: {legend: {display: false},
      tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${percent(item.raw / 100)}`}}},
    scales: {x: {stacked: true, min: 0, max: 100, ticks: {callback: (x) => `${x} %`, maxTicksLimit: narrow() ? 5 : 11}},
      y: {stacked: true, ...names(formats.map((f) => short(f.name)))}}}}, 46 + 42 * formats.length);
}

function draw_causes() {
  const rows = data.causes[state.format] ?? [];
  if (!rows.length) return draw('causes-chart', 'There is no compensation point here, so there is no cause to show.');
  const layers = [...new Set(rows.map((row) => row.layer))];
  const labels = layers.map((layer) => layer || '(no layer)');
  const of = (cause, layer) => rows.filter((r) => r.cause === cause && r.layer === layer).reduce((sum, r) => sum + r.count, 0);
  const datasets = [...new Set(rows.map((row) => row.cause))].map((cause) => ({label: cause,
    data: layers.map((layer) => of(cause, layer)), backgroundColor: css(cause_colour(cause)), barThickness: 22}));
  const summary = rows.map((r) => `${r.cause} at ${r.layer || 'no layer'}: ${count(r.count)}`).join('; ');
  draw('causes-chart', `Compensation points by layer and cause. ${summary}`, {type: 'bar', data: {labels, datasets},
    options: {indexAxis: 'y', plugins: {legend: {display: false}},
      scales: {x: {stacked: true, ticks: {precision: 0, maxTicksLimit: narrow() ? 5 : 9}, title: title('points')},
        y: {stacked: true, ...names(labels)}}}}, 70 + 36 * layers.length);
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

function draw_statistic() {
  const bins = data.statistics[state.format]?.[state.norm] ?? [];
  buttons('norm-switch', 'Add up', [['inf', 'largest entries (∞-norm)'], ['l1', 'all entries (1-norm)']], state.norm,
    (norm) => { state.norm = norm; draw_statistic(); });
  if (!bins.length) return draw('statistic-chart', 'There are no points to show.');
  const rules = (data.thresholds[state.format] ?? []).filter((rule) => rule.tau && rule.norm === state.norm);
  const finite = [...bins.map((bin) => bin.decade).filter(Number.isInteger), ...rules.map((r) => Math.floor(Math.log10(r.tau) + 1e-9))];
  const low = Math.min(...finite) - 1, high = Math.max(...finite) + 1;
  const decades = [...(bins.some((b) => b.decade === 'zero') ? ['zero'] : []),
    ...(finite.length ? Array.from({length: high - low + 1}, (_, i) => low + i) : []),
    ...(bins.some((b) => b.decade === 'inf') ? ['inf'] : [])];
  const labels = decades.map((d) => (d === 'zero' ? '0' : d === 'inf' ? '∞' : `1e${d}`));
  const at = (decade, zone) => bins.find((bin) => bin.decade === decade)?.zones[zone] ?? 0;
  const datasets = zone_names.filter((zone) => bins.some((bin) => bin.zones[zone])).map((zone) => ({label: zone,
    data: decades.map((decade) => at(decade, zone)), backgroundColor: css(zone), categoryPercentage: 1, barPercentage: 0.94}));
  const summary = bins.map((b) => `${b.decade === 'zero' ? '0' : b.decade === 'inf' ? 'infinite' : `from 1e${b.decade}`}: ` +
    `${zone_names.filter((z) => b.zones[z]).map((z) => `${b.zones[z]} ${z}`).join(', ')}`).join('; ');
  draw('statistic-chart', `Points by power of ten of the statistic. ${summary}`, {type: 'bar', data: {labels, datasets},
    plugins: [threshold_lines(rules, decades)],
    options: {plugins: {legend: legend(), tooltip: {mode: 'index'}},
      scales: {x: {stacked: true, grid: {display: false}, title: title(narrow() ? 'from (up to ten times as much)' :
        'difference of the float gradients: each bar from the value named to ten times as much')},
        y: {stacked: true, grace: '12%', ticks: {precision: 0}, title: title('points')}}}});
}

function draw_bits() {
  const rows = data.bits.filter((row) => row.choice === state.choice);
  if (!rows.length) return draw('bits-chart', 'No gradient errors were recorded.');
  const tensors = [...new Set(rows.map((row) => row.tensor))];
  const formats = data.formats.filter((format) => rows.some((row) => row.format === format.name));
  const value = (x, precision) => (x === 'inf' ? precision : x === null ? null : Math.max(0, x));
  const datasets = formats.map(({name, precision}, i) => ({label: `${short(name)} (of ${precision})`,
    backgroundColor: css(`series-${i % 5 + 1}`), borderSkipped: false, borderRadius: 3, minBarLength: 5, barThickness: 9,
    data: tensors.map((tensor) => {
      const row = rows.find((r) => r.format === name && r.tensor === tensor);
      const ends = row && [value(row.worst, precision), value(row.median, precision)];
      return ends && ends[1] !== null ? [ends[0] ?? ends[1], ends[1]] : null;
    })}));
  const summary = rows.filter((r) => r.tensor === '*').map((r) =>
    `${r.format}: whole gradient median ${bits(r.median)}, worst 1 % ${bits(r.worst)}`).join('; ');
  draw('bits-chart', `Correct bits per tensor and format. ${summary}`, {type: 'bar', data: {labels: tensors.map(tensor_name), datasets},
    options: {indexAxis: 'y', plugins: {legend: legend(), tooltip: {callbacks: {label: (item) =>
      `${item.dataset.label}: worst 1 % ${item.raw[0].toFixed(1)}, median ${item.raw[1].toFixed(1)}`}}},
    scales: {x: {min: 0, suggestedMax: Math.max(...formats.map((f) => f.precision)), title: title('correct bits')},
      y: names(tensors.map(tensor_name))}}}, 96 + tensors.length * (14 + 13 * formats.length));
}

const branch_marks = [
  ['real_ties', 'real ties', 'ink', {pointStyle: 'circle', pointRadius: 8, pointBackgroundColor: 'transparent', pointBorderWidth: 2}],
  ['float_ties', 'float ties', 'compensation', {pointStyle: 'circle', pointRadius: 4}],
  ['false_ties', 'false ties', 'orange', {pointStyle: 'triangle', pointRadius: 9, pointBackgroundColor: 'transparent', pointBorderWidth: 2}],
  ['lost_ties', 'lost ties', 'pink', {pointStyle: 'crossRot', pointRadius: 6, pointBorderWidth: 3}],
  ['real_zeros', 'real zeros', 'ink', {pointStyle: 'rectRot', pointRadius: 9, pointBackgroundColor: 'transparent', pointBorderWidth: 2}],
  ['float_zeros', 'float zeros', 'green', {pointStyle: 'rectRot', pointRadius: 4}],
];

function draw_branches() {
  const rows = data.branches[state.format] ?? [];
  const marks = branch_marks.filter(([key]) => rows.some((row) => row[key]));
  if (!marks.length) return draw('branches-chart', rows.length ? 'No tie and no zero anywhere.' : 'No branches were recorded.');
  const datasets = marks.map(([key, label, name, style]) => ({label, showLine: false, pointBackgroundColor: css(name),
    pointBorderColor: css(name), clip: false, data: rows.map((row) => (row[key] ? row[key] / row.points : null)), ...style}));
  const labels = rows.map((row) => (narrow() ? row.layer : `${row.layer} ${row.op}`));
  const summary = rows.map((row) => `${row.layer}: ${marks.map(([key, label]) => `${count(row[key])} ${label}`).join(', ')}`).join('; ');
  const values = datasets.flatMap((set) => set.data).filter((x) => x !== null);
  const decade = (round, x) => 10 ** round(Math.log10(x));
  draw('branches-chart', `Branches per layer. ${summary}`, {type: 'line', data: {labels, datasets},
    options: {indexAxis: 'y', layout: {padding: {right: 14}},
      plugins: {legend: {...legend(), labels: {...legend().labels, usePointStyle: true}},
        tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${item.raw.toPrecision(3)} a point`}}},
      scales: {x: {type: 'logarithmic', min: decade(Math.floor, Math.min(1, ...values) * 0.7), max: decade(Math.ceil, Math.max(10, ...values) * 1.3),
        title: title('windows a point'),
        ticks: {maxRotation: 0, callback: (x) => (Number.isInteger(Math.round(1e6 * Math.log10(x)) / 1e6) ? String(x) : '')}},
        y: {offset: true, ...names(labels), grid: {display: true}}}}}, 110 + 40 * rows.length);
}

function show_charts() {
  draw_zones();
  draw_causes();
  draw_statistic();
  draw_branches();
}
function redraw() {
  show_charts();
  draw_bits();
}
