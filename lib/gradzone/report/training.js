'use strict';
// The sections of a training that are made of words and tables, and what a reader can take away as CSV.

const state = {accuracy: 'linear', loss: 'test_loss', zones: 0};
const betas = [...new Set(data.configurations.map((c) => c.beta))];
const beta_colour = (beta) => `series-${betas.indexOf(beta) % 8 + 1}`;
const in_percent = (x) => (x === null ? '–' : `${(100 * x).toFixed(2)} %`);
const of_configuration = (row) => data.configurations[row.configuration];

// Offers `rows` (arrays, the first one the names of the columns) as a file.
function offer_csv(id, file, rows) {
  $(id).replaceChildren(el('button', {type: 'button', onclick: () => save_csv(file, rows())}, `Save ${file}`));
}

function show_final() {
  const several = data.configurations.some((c) => c.runs > 1), troubled = data.configurations.some((c) => c.non_finite);
  const columns = [
    ['β', (c) => el('span', {}, swatch(beta_colour(c.beta)), String(c.beta)), 'word'],
    ['Format', (c) => c.format, 'word'], ['Form', (c) => c.form, 'word'],
    ['Runs', (c) => count(c.runs), 'number'], ['Epochs', (c) => count(c.final.epoch), 'number'],
    ['Final accuracy', (c) => in_percent(c.final.mean) + (c.final.runs > 1 ? ` ± ${(100 * c.final.deviation).toFixed(2)}` : ''), 'number'],
    ...(several ? [['Range', (c) => `${(100 * c.final.low).toFixed(2)} to ${in_percent(c.final.high)}`, 'number']] : []),
    ['Collapsed', (c) => (c.collapsed ? `${c.collapsed} of ${plural(c.runs, 'run')}` : '–'), 'word'],
    ...(troubled ? [['First NaN or infinity', (c) => c.non_finite || '–', 'long']] : []),
  ];
  show_table('final-table', 'Final accuracies', table(columns, data.configurations));
}

function show_published() {
  if (!data.compared) return;
  $('published').hidden = $('published-words').hidden = false;
  const of = (key, show) => (c) => (c.published.compared ? show(c.published[key], c.published) : '–');
  show_table('published-table', 'Comparison with the published curves', table([
    ['β', (c) => el('span', {}, swatch(beta_colour(c.beta)), String(c.beta)), 'word'],
    ['Format', (c) => c.format, 'word'], ['Form', (c) => c.form, 'word'],
    ['Epochs inside', of('inside', (n, p) => `${n} of ${p.compared} (${percent(n / p.compared)})`), 'number'],
    ['At epoch', of('last_epoch', String), 'number'],
    ['Published', of('last_published', in_percent), 'number'], ['Here', of('last_ours', in_percent), 'number'],
    ['Verdict', (c) => c.published.verdict, 'word'],
  ], data.configurations));
  offer_csv('published-save', 'published.csv', () => [
    ['format', 'form', 'beta', 'epochs', 'epochs_inside', 'share_inside', 'last_epoch', 'test_accuracy_published', 'test_accuracy', 'verdict'],
    ...data.configurations.map(({format, form, beta, published: p}) => [format, form, beta, p.compared, p.inside,
      p.compared && p.inside / p.compared, p.last_epoch, p.last_published, p.last_ours, p.verdict])]);
}

// One row a configuration and epoch; `figures` are [column, key of the configuration's {mean, low, high}].
function curve_rows(figures, curves = data.configurations) {
  const ends = (column) => ['mean', 'min', 'max'].map((x) => `${column}_${x}`);
  return [['format', 'form', 'beta', 'epoch', 'runs', ...figures.flatMap(([column]) => ends(column))],
    ...curves.flatMap((c) => c.epoch.map((epoch, i) => [c.format, c.form, c.beta, epoch, c.epoch_runs[i],
      ...figures.flatMap(([, key]) => ['mean', 'low', 'high'].map((x) => c[key][x][i]))]))];
}
function accuracy_rows(curves = data.configurations) {
  const rows = curve_rows([['test_accuracy', 'accuracy']], curves);
  if (!data.compared) return rows;
  const published = curves.flatMap(({epoch, published: p}) => epoch.map((e) => {
    const i = p.epoch ? p.epoch.indexOf(e) : -1;
    return ['mean', 'low', 'high'].map((x) => (i < 0 ? null : p[x][i]));
  }));
  return rows.map((row, i) => [...row, ...(i ? published[i - 1] : ['published_mean', 'published_band_low', 'published_band_high'])]);
}

const zone_columns = [...zone_names, 'no point'];
function show_zones() {
  if (!data.zones.length) return;
  $('zones').hidden = false;
  show_table('zones-table', 'Zones of mini-batches', table([
    ['Configuration', (row) => of_configuration(row).label],
    ...zone_columns.filter((zone) => data.zones.some((row) => row.zones[zone])).map((zone) =>
      [zone[0].toUpperCase() + zone.slice(1), (row) => count(row.zones[zone] ?? 0), 'number']),
    ['Most frequent cause', (row) => row.cause || '–', 'long'],
  ], data.zones));
  offer_csv('zones-save', 'zones-over-steps.csv', () => zone_rows(data.zones));
}
// One row a configuration and bin of steps.
function zone_rows(rows) {
  return [['format', 'form', 'beta', 'first_step', 'last_step', ...zone_columns],
    ...rows.flatMap((row) => row.bins.map((bin) => [of_configuration(row).format, of_configuration(row).form,
      of_configuration(row).beta, bin.from, bin.to, ...zone_columns.map((zone) => bin.zones[zone] ?? 0)]))];
}

function show_times() {
  if (!data.times.length) return;
  $('times').hidden = false;
  show_table('times-table', 'Time of an epoch', table([
    ['Configuration', (row) => of_configuration(row).label], ['Epochs', (row) => count(row.epochs), 'number'],
    ['Median', (row) => `${row.median} s`, 'number'], ['Range', (row) => `${row.lowest} to ${row.highest} s`, 'number'],
    ['Images a second', (row) => count(row.rate), 'number'],
  ], data.times));
  offer_csv('times-save', 'epoch-times.csv', () => [
    ['format', 'form', 'beta', 'epochs', 'median_s', 'lowest_s', 'highest_s', 'images_per_s'],
    ...data.times.map((row) => [of_configuration(row).format, of_configuration(row).form, of_configuration(row).beta, row.epochs,
      row.median, row.lowest, row.highest, row.rate])]);
}

function show_page() {
  $('beta-legend').replaceChildren(...betas.map((beta) => el('span', {}, swatch(beta_colour(beta)), `β = ${beta}`)));
  show_final();
  show_published();
  show_zones();
  show_times();
  offer_csv('accuracy-save', 'accuracy.csv', () => accuracy_rows());
  offer_csv('loss-save', 'loss.csv', () => curve_rows([['test_loss', 'test_loss'], ['train_loss', 'train_loss']]));
  show_provenance();
  redraw();
}
