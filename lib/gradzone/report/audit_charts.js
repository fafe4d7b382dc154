'use strict';
// The pictures of an audit. Each is drawn anew when the format, the colour scheme or the medium (print) changes.

function draw_bits() {
  const rows = data.bits.filter((row) => row.choice === state.choice);
  const series = data.formats.filter((format) => rows.some((row) => row.format === format.name)).map(({name, precision}) =>
    ({label: short(name), precision, row: (tensor) => rows.find((r) => r.format === name && r.tensor === tensor)}));
  draw_bit_ranges([...new Set(rows.map((row) => row.tensor))], series, {file: `bits-${file_name(state.choice)}.csv`, what: 'correct bits',
    rows: () => [['format', 'choice', 'tensor', 'bits_worst_1_percent', 'bits_median'],
      ...rows.map((r) => [r.format, r.choice, r.tensor, r.worst, r.median])]});
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
        y: {offset: true, ...names(labels), grid: {display: true}}}}}, 110 + 40 * rows.length,
  {file: `branches-${file_name(state.format)}.csv`, what: 'branches', rows: () => {
    const columns = Object.keys(rows[0]);
    return [['format', ...columns], ...rows.map((row) => [state.format, ...columns.map((column) => row[column])])];
  }});
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
