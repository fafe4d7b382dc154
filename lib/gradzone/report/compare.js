'use strict';
// The page of two studies side by side. A and B are rows of their own for the parts that know formats only: "fp16 (A)".

const sides = ['A', 'B'];
const state = {format: data.entries.length ? data.entries[0].name : '', choice: ''};
const entry_now = () => data.entries.find((entry) => entry.name === state.format);

data.formats = data.entries.flatMap((entry) => sides.map((side, i) => ({name: `${entry.formats[i]} (${side})`, points: entry.points[i], entry, i})))
  .filter(({entry, i}) => entry.formats[i] !== null);
data.zones = Object.fromEntries(data.formats.map(({name, entry, i}) => [name, entry.zones[i]]));
data.causes = Object.fromEntries(data.entries.map((entry) => [entry.name, entry.causes.flatMap(({cause, layer, counts}) =>
  sides.map((side, i) => ({cause, layer: `${layer || 'no layer'} (${side})`, count: counts[i]})))]));
// Both sides of a layer have a place of their own, also where one has no such cause.

function show_differing() {
  show_table('differing-table', 'What differs', data.differing.length ? table([
    ['Key', ([key]) => key, 'word'], ['A', ([, a]) => a, 'long'], ['B', ([, , b]) => b, 'long']], data.differing) :
    empty('Nothing: both were asked the same.'));
}

// ---- zones -----------------------------------------------------------------------------------------------------------

const verdict_words = {same: 'the same', within: 'within', beyond: 'beyond'};

function show_zones_side_by_side() {
  $('zones-caption').textContent = `Share of the ${data.labels.length && noun === 'mini-batch' ? 'certified mini-batches' : nouns} in each zone.`;
  const rows = data.entries.flatMap((entry) => zone_names.map((zone, i) => ({entry, zone, first: i === 0, shares: entry.zones.map((z) => z?.[zone])})));
  const share = (i, show) => (r) => (r.shares[i] && r.entry.points[i] ? show(r.shares[i]) : '–');
  const range = (f) => `${percent(f.low).replace(' %', '')} to ${percent(f.high)}`;
  const columns = sides.flatMap((side, i) => [[side, share(i, (f) => count(f.count)), 'number'],
    ['Share', share(i, (f) => percent(f.share)), 'number'], ['95 % interval', share(i, range), 'number']]);
  show_table('zones-table', 'Zones in A and B', rows.length ? table([
    ['Format', (r) => (r.first ? r.entry.name : ''), 'word'], ['Zone', (r) => el('span', {}, swatch(r.zone), r.zone), 'word'], ...columns,
    ['Intervals', (r) => (r.entry.points[0] && r.entry.points[1] ? verdict_words[r.entry.verdicts[r.zone]] : '–'), 'word'],
  ], rows, (r) => (r.first ? 'first' : undefined)) : empty(no_points));
}

// ---- points that changed ----------------------------------------------------------------------------------------------

const sub = (letter, side) => ['Δ', el('sub', {}, letter), ` ${side}`];
const changed = data_table(data.table, {
  part: 'changed', label: 'Points that changed zone', noun, none: 'No point changed zone.', file: 'points.csv of both folders',
  texts: ['label', 'entry', 'zone_a', 'zone_b', 'cause_a', 'cause_b', 'layer_a', 'layer_b', 'proof_a', 'proof_b'],
  shown: [['point', 'Point'], ['zone_a', 'Zone A'], ['zone_b', 'Zone B'], ['cause_a', 'Cause A'], ['cause_b', 'Cause B'],
    ['layer_a', 'First at, A'], ['layer_b', 'First at, B'], ['delta_real_a', sub('R', 'A')], ['delta_real_b', sub('R', 'B')],
    ['delta_float_a', sub('F', 'A')], ['delta_float_b', sub('F', 'B')], ['first', 'Image'], ['label', 'Label'],
    ['proof_a', 'Proof A'], ['proof_b', 'Proof B']],
  picks: [['Zone A', 'zone_a'], ['Zone B', 'zone_b']],
  search: {names: ['point', 'first', 'label', 'cause_a', 'cause_b', 'layer_a', 'layer_b'], hint: 'layer, label, image …'},
  fits: (row) => changed.value(row, 'entry') === state.format,
  cell: (row, name, value) => (/^zone/.test(name) ? el('span', {}, swatch(value), value) : undefined),
});

function show_transitions() {
  const moves = entry_now()?.transitions;
  $('transitions-table').hidden = !moves?.points;
  $('changed').hidden = !moves?.changed;
  if (!moves) {
    $('transitions-words').textContent = data.other_points ? `Points are not followed one by one: ${data.other_points}.` :
      'Only one of the two has this format.';
    return csv_button('transitions-table', undefined);
  }
  $('transitions-words').textContent = moves.points ? `Of ${plural(moves.points, noun)} that both audited, ${moves.changed ? count(moves.changed) : 'none'} changed zone. ` +
    'Rows are the zone in A, columns the zone in B.' : 'They have no point in common.';
  show_table('transitions-table', 'Zone in A by zone in B', table([['', (zone) => el('span', {}, swatch(zone), `A: ${zone}`), 'word'],
    ...zone_names.map((to) => [`B: ${to}`, (from) => count(moves.matrix[from][to]), 'number'])], zone_names));
  csv_button('transitions-table', moves.points && {file: `transitions-${file_name(state.format)}.csv`, what: 'zones in A by zones in B',
    rows: () => [['zone_in_a', ...zone_names], ...zone_names.map((from) => [from, ...zone_names.map((to) => moves.matrix[from][to])])]});
  changed.show();
}

// ---- bits ------------------------------------------------------------------------------------------------------------

const bits_rows = () => (entry_now()?.bits ?? []).map((rows) => (rows ?? []).filter((row) => row.choice === state.choice));

function show_bits() {
  const choices = [...new Set((entry_now()?.bits ?? []).flatMap((rows) => (rows ?? []).map((row) => row.choice)))];
  $('bits').hidden = !data.entries.some((entry) => entry.bits.some((rows) => rows?.length));
  if (!choices.includes(state.choice)) state.choice = choices[0] ?? '';
  buttons('choice-switch', 'Choice', choices.map((c) => [c, c]), state.choice, (choice) => { state.choice = choice; show_bits(); });
  const [a, b] = bits_rows(), of = (rows, tensor) => rows.find((row) => row.tensor === tensor);
  const tensors = [...new Set([...(a ?? []), ...(b ?? [])].map((row) => row.tensor))];
  const cell = (rows, key) => (tensor) => { const row = of(rows, tensor); return row ? bits(row[key]) : '–'; };
  show_table('bits-table', 'Correct bits in A and B', tensors.length ? table([['Tensor', tensor_name],
    ['Median, A', cell(a, 'median'), 'number'], ['Median, B', cell(b, 'median'), 'number'],
    ['Worst 1 %, A', cell(a, 'worst'), 'number'], ['Worst 1 %, B', cell(b, 'worst'), 'number']], tensors) :
    empty('No gradient errors were recorded.'));
  draw_bits();
}

// ---- the whole page --------------------------------------------------------------------------------------------------

function show_format() {
  show_format_picker(data.entries, show_format);
  show_cause_words();
  draw_causes();
  show_transitions();
  show_bits();
}

function show_page() {
  show_differing();
  show_zone_legend();
  show_zones_side_by_side();
  show_provenance();
  draw_hits();
  draw_zones();
  show_format();
}
