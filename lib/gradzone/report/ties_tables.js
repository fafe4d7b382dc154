'use strict';
// The tables and the legend of the page of ties.

const most_rows = 200;

function show_windows_table() {
  const all = channel()?.windows ?? [], rows = all.slice(0, most_rows);
  const value = ([, , , , , , v]) => (Array.isArray(v) ? v.map(entry).join(', ') : entry(v));
  show_table('windows-table', 'Tied windows', rows.length ? table([
    ['Row', (w) => String(w[0]), 'number'], ['Column', (w) => String(w[1]), 'number'], ['Kind', (w) => classes[w[2]].name, 'word'],
    ['Value, or entries in floats', value], ['Tie in floats', (w) => positions(w[4])],
    ['Over the reals', (w) => (w[5] === null ? 'the same' : positions(w[5]) || 'undecided')],
    ['Reached', (w) => (w[3] ? 'yes' : 'no'), 'word'],
  ], rows) : empty('No window of this channel ties.'));
  if (all.length > rows.length) $('windows-table').append(el('p', {class: 'note'}, `The first ${most_rows} of ${count(all.length)}; all are in ties.csv.`));
}

function show_counts() {
  const of_sample = data.points.filter((p) => p.sample === state.sample);
  const rows = of_sample.flatMap((p) => p.layers.map((l, i) => ({...l, format: p.format, shape: data.layers[i], first: i === 0})));
  const kinds = classes.map((kind, i) => [kind.name[0].toUpperCase() + kind.name.slice(1), (r) => count(r.counts[i]), 'number'])
    .filter((_, i) => i !== 5 || rows.some((r) => r.counts[5]));
  for (const node of document.querySelectorAll('.which')) node.textContent = samples.length > 1 ? `at image ${state.sample}` : '';
  show_table('counts-table', 'Ties by format and layer', table([
    ['Format', (r) => (r.first ? short(r.format) : ''), 'word'], ['Layer', (r) => r.shape.name, 'word'],
    ['Windows', (r) => count(r.shape.windows), 'number'], ['Ties', (r) => count(r.ties), 'number'], ...kinds,
    ['Reached', (r) => count(r.reached), 'number']], rows, (r) => (r.first ? 'first' : undefined)));
}

function show_tables() {
  show_windows_table();
  show_counts();
}

function show_page() {
  $('tie-legend').replaceChildren(...classes.flatMap((kind, i) =>
    [el('dt', {}, mark_swatch(i), kind.name), el('dd', {}, kind.text)]));
  show_provenance();
  redraw();
}

show_page();
