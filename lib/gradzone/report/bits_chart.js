'use strict';
// Correct bits of each tensor as ranges, from the worst 1 % of the entries to the median one.

function bits(x) {
  return x === null ? '–' : x === 'inf' ? 'exact' : x.toFixed(1);
}

const tensor_name = (tensor) => (tensor === '*' ? 'whole gradient' : tensor);

// `series`: [{label, precision, colour, row(tensor)}] with rows {worst, median} or undefined; it may leave the colour out.
function draw_bit_ranges(tensors, series, csv) {
  if (!tensors.length) return draw('bits-chart', 'No gradient errors were recorded.');
  const value = (x, precision) => (x === 'inf' ? precision : x === null ? null : Math.max(0, x));
  const datasets = series.map(({label, precision, colour: name, row: row_of}, i) => ({label: `${label} (of ${precision})`,
    backgroundColor: css(name ?? `series-${i % 5 + 1}`), borderSkipped: false, borderRadius: 3, minBarLength: 5, barThickness: 9,
    data: tensors.map((tensor) => {
      const row = row_of(tensor), ends = row && [value(row.worst, precision), value(row.median, precision)];
      return ends && ends[1] !== null ? [ends[0] ?? ends[1], ends[1]] : null;
    })}));
  const whole = series.map(({label, row}) => [label, row('*')]).filter(([, row]) => row);
  const summary = whole.map(([label, row]) => `${label}: whole gradient median ${bits(row.median)}, worst 1 % ${bits(row.worst)}`).join('; ');
  draw('bits-chart', `Correct bits per tensor. ${summary}`, {type: 'bar', data: {labels: tensors.map(tensor_name), datasets},
    options: {indexAxis: 'y', plugins: {legend: legend(), tooltip: {callbacks: {label: (item) =>
      `${item.dataset.label}: worst 1 % ${item.raw[0].toFixed(1)}, median ${item.raw[1].toFixed(1)}`}}},
    scales: {x: {min: 0, suggestedMax: Math.max(...series.map((s) => s.precision)), title: title('correct bits')},
      y: names(tensors.map(tensor_name))}}}, 96 + tensors.length * (14 + 13 * series.length), csv);
}
