'use strict';
// The sections of an audit that are made of words and tables.

const state = {format: data.formats.length ? data.formats[0].name : '', norm: 'inf', choice: ''};
const short = (format) => format.replace(/\/chain$/, '');

function bits(x) {
  return x === null ? '–' : x === 'inf' ? 'exact' : x.toFixed(1);
}

// ---- zones -----------------------------------------------------------------------------------------------------------

const zone_meaning = {
  regular: 'The choices agree, over the real numbers and in floats.',
  compensation: 'Over the reals the choices provably agree, but the float program returns different gradients for them: ' +
    'an error of floating point, hidden until the choice changes.',
  bifurcation: 'The choices disagree already over the reals: the gradient depends on the pick, and more precision ' +
    'does not help. A proof names a parameter where they differ.',
  undecided: 'Neither proof was found within the allowed precision. Such points are counted apart, never guessed.',
};
const choice_meaning = {
  native: 'all of the derivative goes to the first maximal entry',
  minimal: 'the maximal entries share it equally',
};

function show_zone_words() {
  $('choices').replaceChildren(data.choices.map((c) => choice_meaning[c] ? `${c} (${choice_meaning[c]})` : c).join(', ') ||
    'the choices named below');
  $('zone-legend').replaceChildren(...zone_names.flatMap((zone) =>
    [el('dt', {}, swatch(zone), zone), el('dd', {}, zone_meaning[zone])]));
}

function interval(zone, share) {
  const at = (x) => `${100 * x}%`;
  return el('span', {class: 'interval', color: colour(zone), 'aria-hidden': 'true'},
    el('i', {style: `left:${at(share.low)};width:${at(share.high - share.low)}`}),
    el('b', {style: `left:${at(share.share)}`}));
}

function show_zone_table() {
  const rows = data.formats.flatMap(({name, points}) => points ?
    zone_names.map((zone, i) => ({zone, first: i === 0, format: name, points, share: data.zones[name][zone]})) : []);
  if (!rows.length) return show_table('zones-table', 'Zones', empty('No point was audited.'));
  const columns = [
    ['Zone', (r) => el('span', {}, swatch(r.zone), r.zone), 'word'],
    ['Points', (r) => count(r.share.count), 'number'],
    ['Share', (r) => percent(r.share.share), 'number'],
    ['95 % interval', (r) => `${percent(r.share.low)} to ${percent(r.share.high)}`, 'number'],
    ['0 to 100 %', (r) => interval(r.zone, r.share)],
  ];
  if (data.formats.length > 1) columns.unshift(['Format', (r) => (r.first ? short(r.format) : ''), 'word']);
  show_table('zones-table', 'Zones with intervals', table(columns, rows, (r) => (r.first ? 'first' : undefined)));
}

// ---- causes ----------------------------------------------------------------------------------------------------------

const causes = {
  'rounding': ['compensation', 'The floats take the same branches as the reals; only split sums and products round ' +
    'differently (g/3 + g/3 + g/3 is not g).'],
  'false tie': ['orange', 'The float run has a tie or a zero that does not exist over the reals.'],
  'lost tie': ['pink', 'The reals have a tie or a zero that the float run loses.'],
  'cancellation': ['green', 'The composed form of a hybrid choice alone differs: β·v − (β−1)·v cancels.'],
  'non-finite': ['strong', 'An infinity or a NaN appeared.'],
};
const cause_colour = (cause) => (causes[cause] ?? ['regular'])[0];

function show_cause_words() {
  const present = new Set(data.causes[state.format]?.map((c) => c.cause));
  $('cause-legend').replaceChildren(...[...present].flatMap((cause) =>
    [el('dt', {}, swatch(cause_colour(cause)), cause), el('dd', {}, (causes[cause] ?? ['', 'Another cause.'])[1])]));
}

// ---- thresholds ------------------------------------------------------------------------------------------------------

const norm_words = {inf: 'the largest entry (∞-norm) of each tensor', l1: 'the absolute entries (1-norm) of each tensor'};

function confusion(rule) {
  const norm = `Sum of ${norm_words[rule.norm]}; ${rule.origin}.`;
  if (rule.tau === null) return el('div', {}, el('h3', {}, 'No τ'), el('p', {class: 'note'}, norm));
  const {above, below} = rule.matrix;
  const said = zone_names.reduce((sum, zone) => sum + above[zone], 0);
  const real = above.bifurcation + below.bifurcation;
  const right = !said ? 'It calls no point bifurcating. ' : `It calls ${plural(said, 'point')} bifurcating; ` +
    `${above.bifurcation ? count(above.bifurcation) : 'none'} of them proved to be. `;
  const missed = real ? `It misses ${count(below.bifurcation)} of ${plural(real, 'proven bifurcation')}.` :
    'There is no proven bifurcation to find.';
  return el('div', {}, el('h3', {}, `τ = ${scientific(rule.tau)}`),
    el('p', {class: 'note'}, norm), el('p', {}, right + missed),
    el('div', {class: 'scroll'}, table([['Proven zone', (zone) => el('span', {}, swatch(zone), zone)], ['Above τ', (zone) => count(above[zone]), 'number'],
      ['Up to τ', (zone) => count(below[zone]), 'number']], zone_names)));
}

function show_confusion() {
  const rules = data.thresholds[state.format] ?? [];
  $('confusion').replaceChildren(...(rules.length ? rules.map(confusion) : [empty('No threshold was applied: there are no points.')]));
}

// ---- bits and branches: the tables below the pictures ------------------------------------------------------------------

const tensor_name = (tensor) => (tensor === '*' ? 'whole gradient' : tensor);

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
  const several = data.formats.length > 1;
  $('format-picker').hidden = !several;
  for (const node of document.querySelectorAll('.which')) node.textContent = several ? `in ${short(state.format)}` : '';
  buttons('format-picker', 'Format shown below', data.formats.map((f) => [f.name, short(f.name)]), state.format,
    (format) => { state.format = format; show_format(); });
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
