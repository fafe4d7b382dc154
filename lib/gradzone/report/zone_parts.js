'use strict';
// The sections that pages with proven zones share: zones, causes, the statistic, thresholds against proofs. The page has
// `state` (format, norm) and, in its data, formats, zones, causes, thresholds, statistics by format, and a noun for a point.

const noun = data.noun ?? 'point';
const nouns = noun === 'mini-batch' ? 'mini-batches' : `${noun}s`;
const uncertified = 'not certified';
const no_points = data.noun ? 'No mini-batch was certified.' : 'No point was audited.';
const capital = (text) => text[0].toUpperCase() + text.slice(1);
// Plain names mean the order chain.
const short = (format) => format.replace(/\/chain(?![\w-])/, '');

// The bar that stays in view chooses, by name, which of the formats is shown below it.
function show_format_picker(formats, show_again) {
  const several = formats.length > 1;
  $('format-picker').hidden = !several;
  for (const node of document.querySelectorAll('.which')) node.textContent = several ? `in ${short(state.format)}` : '';
  buttons('format-picker', 'Format shown below', formats.map((f) => [f.name, short(f.name)]), state.format,
    (format) => { state.format = format; show_again(); });
}

// ---- zones -----------------------------------------------------------------------------------------------------------

const zone_meaning = {
  regular: 'The choices agree, over the real numbers and in floats.',
  compensation: 'Over the reals the choices provably agree, but the float program returns different gradients for them: ' +
    'an error of floating point, hidden until the choice changes.',
  bifurcation: 'The choices disagree already over the reals: the gradient depends on the pick, and more precision ' +
    'does not help. A proof names a parameter where they differ.',
  undecided: 'Neither proof was found within the allowed precision. It is counted apart, never guessed.',
};
// A point without a proof has no zone: it is hatched.
const class_swatch = (name) => (name === uncertified ? el('span', {class: 'swatch hatched', 'aria-hidden': 'true'}) : swatch(name));

function show_zone_legend() {
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
  if (!rows.length) return show_table('zones-table', 'Zones', empty(no_points));
  const columns = [
    ['Zone', (r) => el('span', {}, swatch(r.zone), r.zone), 'word'],
    [capital(nouns), (r) => count(r.share.count), 'number'],
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

const tau_rules = () => (data.thresholds[state.format] ?? []).filter((rule) => rule.matrix);

function confusion_words({above, below}) {
  const said = zone_names.reduce((sum, zone) => sum + above[zone], 0);
  const real = above.bifurcation + below.bifurcation;
  const right = !said ? `It calls no ${noun} bifurcating. ` : `It calls ${plural(said, noun)} bifurcating; ` +
    `${above.bifurcation ? count(above.bifurcation) : 'none'} of them proved to be. `;
  return right + (real ? `It misses ${count(below.bifurcation)} of ${plural(real, 'proven bifurcation')}.` :
    'There is no proven bifurcation to find.');
}

function confusion(rule) {
  const norm = el('p', {class: 'note'}, `Sum of ${norm_words[rule.norm]}; ${rule.origin}.`);
  if (rule.tau === null) return el('div', {}, el('h3', {}, 'No τ'), norm);
  const heading = el('h3', {}, `τ = ${scientific(rule.tau)}`);
  if (!rule.matrix) return el('div', {}, heading, norm, el('p', {}, 'Nothing was certified that it could be compared with.'));
  const side = (name) => ({...rule.matrix[name], [uncertified]: rule.uncertified?.[name]});
  const above = side('above'), below = side('below');
  const rows = [...zone_names, ...(rule.uncertified ? [uncertified] : [])];
  return el('div', {}, heading, norm, el('p', {}, confusion_words(rule.matrix)),
    el('div', {class: 'scroll'}, table([['Proven zone', (zone) => el('span', {}, class_swatch(zone), zone)],
      ['Above τ', (zone) => count(above[zone]), 'number'], ['Up to τ', (zone) => count(below[zone]), 'number']], rows)));
}

function show_confusion() {
  const rules = data.thresholds[state.format] ?? [];
  $('confusion').replaceChildren(...(rules.length ? rules.map(confusion) :
    [empty(`No threshold was applied: there are no ${nouns}.`)]));
  csv_button('confusion', tau_rules().length && {file: `thresholds-${file_name(state.format)}.csv`, what: 'thresholds against proofs',
    rows: () => [['format', 'statistic', 'tau', 'class', 'above', 'up_to'],
      ...tau_rules().flatMap((rule) => [...zone_names.map((zone) => [zone, rule.matrix.above[zone], rule.matrix.below[zone]]),
        ...(rule.uncertified ? [[uncertified, rule.uncertified.above, rule.uncertified.below]] : [])].map((row) =>
        [state.format, `stat_${rule.norm}`, rule.tau, ...row]))]});
}

// How a table of points shows what is more than a number or a text.
const point_cell = (raw) => (row, name, value) => {
  if (name === 'zone') return el('span', {}, class_swatch(value), value);
  if (name === 'predicted') return value < 0 ? '' : String(value);
  if (name !== 'delta_real_upper' || value === null || value === 0) return undefined;
  return `${scientific(raw(row, 'delta_real_lower'))} to ${scientific(raw(row, 'delta_real_upper'))}`;
};
