'use strict';
// The sections of an audit that are made of words and tables.

const state = {format: data.formats.length ? data.formats[0].name : '', norm: 'inf', choice: ''};

const choice_meaning = {
  native: 'all of the derivative goes to the first maximal entry',
  minimal: 'the maximal entries share it equally',
};

function show_zone_words() {
  $('choices').replaceChildren(data.choices.map((c) => choice_meaning[c] ? `${c} (${choice_meaning[c]})` : c).join(', ') ||
    'the choices named below');
  show_zone_legend();
}

// ---- bits and branches: the tables below the pictures ------------------------------------------------------------------

function show_bits_table() {
  const rows = data.bits.filter((row) => row.choice === state.choice);
  show_table('bits-table', 'Correct bits', rows.length ? table([
    ['Format', (r) => short(r.format), 'word'], ['Tensor', (r) => tensor_name(r.tensor)],
    ['Median bits', (r) => bits(r.median), 'number'], ['Worst 1 %', (r) => bits(r.worst), 'number'],
    ['Largest error in ulp', (r) => (r.ulp === 'inf' || r.ulp > 9999 ? scientific(r.ulp) : r.ulp?.toFixed(1) ?? '–'), 'number'],
    ['Wrong sign', (r) => percent(r.sign), 'number'], ['Flushed to 0', (r) => percent(r.flushed), 'number'],
    ['Overflowed', (r) => percent(r.overflow), 'number'],
  ], rows) : empty('No gradient errors were recorded.'));
}

function show_branches_table() {
  const rows = data.branches[state.format] ?? [];
  const always = ['windows', 'real_ties', 'float_ties', 'false_ties', 'lost_ties'];
  const sums = [['Windows', 'windows'], ['Real ties', 'real_ties'], ['Float ties', 'float_ties'], ['False', 'false_ties'],
    ['Lost', 'lost_ties'], ['Real ties at 0', 'real_ties_zero'], ['Float ties at 0', 'float_ties_zero'], ['Real zeros', 'real_zeros'],
    ['Float zeros', 'float_zeros'], ['Undecided', 'unknown']].filter(([, key]) => always.includes(key) || rows.some((row) => row[key]));
  show_table('branches-table', 'Branches', rows.length ? table([
    ['Layer', (r) => r.layer, 'word'], ['Operation', (r) => r.op, 'word'],
    ...sums.map(([heading, key]) => [heading, (r) => count(r[key]), 'number'])], rows) : empty('No branches were recorded.'));
}

// ---- the whole page --------------------------------------------------------------------------------------------------

// What depends on the format chosen in the bar that stays in view.
function show_format() {
  show_format_picker(data.formats, show_format);
  show_cause_words();
  show_confusion();
  show_branches_table();
  show_charts();
  show_gallery();
  show_points();
}

function show_bits() {
  const choices = [...new Set(data.bits.map((row) => row.choice))];
  if (!choices.includes(state.choice)) state.choice = choices[0] ?? '';
  buttons('choice-switch', 'Choice', choices.map((c) => [c, c]), state.choice, (choice) => { state.choice = choice; show_bits(); });
  show_bits_table();
  draw_bits();
}

function show_page() {
  show_zone_words();
  show_zone_table();
  show_provenance();
  show_format();
  show_bits();
}
