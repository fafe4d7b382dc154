'use strict';
// The page of a volume study.

const state = {format: data.formats.length ? data.formats[0].name : '', norm: 'inf'};

// ---- shares ----------------------------------------------------------------------------------------------------------

const hit_of = (format) => data.shares[format.name][0];

function draw_hits(part, key, what, whole) {
  if (!data.formats.length) return draw(`${part}-chart`, 'No initialisation was looked at.');
  draw_shares(`${part}-chart`, what, data.formats.map((f) => short(f.name)),
    [{label: '', colour: 'accent', shares: data.formats.map((f) => hit_of(f)[key])}], whole,
    {file: `hits-${key}.csv`, what, rows: () => [['format', 'of', 'hits', 'share', 'ci95_low', 'ci95_high'],
      ...data.formats.map((f) => [f.name, f[key], ...figures(hit_of(f)[key])])]});
}

// A row a format, or, of everything counted, some rows a format.
function shares_table(rows, columns) {
  const range = (f) => `${percent(f.low).replace(' %', '')} to ${percent(f.high)}`;
  return table([
    ['Format', (r) => (r.first ? short(r.format.name) : ''), 'word'], ...columns,
    ['Initialisations', (r) => `${count(r.initialisations.count)} of ${count(r.format.initialisations)}`, 'number'],
    ['Share', (r) => percent(r.initialisations.share), 'number'], ['95 % interval', (r) => range(r.initialisations), 'number'],
    ['Mini-batches', (r) => `${count(r.batches.count)} of ${count(r.format.batches)}`, 'number'],
    ['Share', (r) => percent(r.batches.share), 'number'], ['95 % interval', (r) => range(r.batches), 'number'],
  ], rows, (r) => (r.first ? 'first' : undefined));
}

function show_shares() {
  const rows = data.formats.flatMap((format) => data.shares[format.name].map((row, i) => ({...row, format, first: i === 0})));
  if (!rows.length) return show_table('hits-table', 'Hits', empty('No initialisation was looked at.'));
  show_table('hits-table', 'Hits of initialisations and mini-batches', shares_table(rows.filter((row) => row.first), []));
  show_table('shares-table', 'Shares of initialisations and mini-batches', shares_table(rows,
    [['', (r) => (r.first ? `hit (${data.hit})` : r.what), 'word']]));
  csv_button('shares-table', {file: 'shares.csv', what: 'everything counted', rows: () => [
    ['format', 'what', ...['initialisations', 'mini_batches'].flatMap((of) => [of, `${of}_share`, `${of}_ci95_low`, `${of}_ci95_high`])],
    ...rows.map((r) => [r.format.name, r.what, ...figures(r.initialisations), ...figures(r.batches)])]});
}

function show_certified_words() {
  const words = data.formats.map((f) => `${count(f.points)} of ${plural(f.batches, noun)} and ` +
    `${count(f.hits_certified)} of ${plural(f.hits, 'hit')} in ${short(f.name)}`);
  $('certified-words').textContent = words.length ? `Certified: ${words.join('; ')}.` : '';
}

// ---- tables of rows ---------------------------------------------------------------------------------------------------

const in_format = (list) => (row) => list.value(row, 'format') === state.format;

const initialisations = data_table(data.initialisations, {
  part: 'inits', label: 'Initialisations', noun: 'initialisation', none: 'No initialisation was looked at.', file: 'volume.csv',
  texts: ['format'],
  shown: [['init', 'Initialisation'], ['seed', 'Seed'], ['batches', capital(nouns)], ['on_kink', 'On a kink'], ['hits', 'Hits'],
    ['first_hit', 'First hit'], ['any', 'Differ'], ['first_layer', 'in the first layer'], ['stat_inf', 'Largest sum of ∞-norms'],
    ['stat_l1', 'of 1-norms'], ['certified', 'Certified'], ...zone_names.map((zone) => [zone, capital(zone)])],
  picks: [], search: {names: ['init', 'seed'], hint: 'number, seed …'},
  fits: (row) => in_format(initialisations)(row),
  cell: (row, name, value) => (name === 'seed' ? String(value) : undefined),
});

const sub = (letter, after = '') => ['Δ', el('sub', {}, letter), after];
const points = data_table(data.table, {
  part: 'points', label: capital(nouns), noun, none: 'No mini-batch differs, and none was certified.', file: 'points.csv',
  texts: ['format', 'hit', 'zone', 'cause', 'cause_layer', 'proof', 'witness', 'label'],
  shown: [['init', 'Initialisation'], ['point', 'Mini-batch'], ['hit', 'Hit'], ['zone', 'Zone'], ['cause', 'Cause'],
    ['cause_layer', 'First at'], ['delta_real_upper', sub('R')], ['delta_float_inf', sub('F')],
    ['delta_first_layer', sub('F', ' of the first layer')], ['stat_inf', 'Sum of ∞-norms'], ['stat_l1', 'of 1-norms'],
    ['proof', 'Proof'], ['first', 'First image'], ['label', 'Labels'], ['bits_used', 'Bits used'], ['witness', 'Witness']],
  picks: [['Hit', 'hit'], ['Zone', 'zone'], ['Cause', 'cause']],
  search: {names: ['init', 'point', 'zone', 'cause', 'cause_layer', 'proof', 'label', 'witness'], hint: 'layer, initialisation …'},
  fits: (row) => in_format(points)(row),
  cell: point_cell((row, name) => points.raw(row, name)),
});

// ---- the whole page --------------------------------------------------------------------------------------------------

function show_format() {
  show_format_picker(data.formats, show_format);
  show_cause_words();
  show_confusion();
  draw_causes();
  draw_statistic();
  initialisations.show();
  points.show();
}

function draw_all_formats() {
  draw_hits('inits', 'initialisations', 'Share of initialisations with a hit', true);
  draw_hits('batches', 'batches', 'Share of mini-batches that are hits', false);
  draw_zones();
}
function redraw() {
  draw_all_formats();
  draw_causes();
  draw_statistic();
}

function show_page() {
  show_shares();
  show_certified_words();
  show_zone_legend();
  show_zone_table();
  show_provenance();
  draw_all_formats();
  show_format();
}

show_page();
