'use strict';
// The pictures of two studies side by side, beside those that all pages share.

const side_colours = ['series-2', 'series-3'];

function draw_hits() {
  const entries = data.entries.filter((entry) => entry.hits.some((hits) => hits));
  $('hits').hidden = !entries.length;
  if (!entries.length) return;
  const kinds = [['inits', 'initialisations', 'Share of initialisations with a hit', true], ['batches', 'batches', 'Share of mini-batches that are hits', false]];
  kinds.forEach(([part, key, what, whole], k) => draw_shares(`${part}-chart`, what, entries.map((entry) => entry.name),
    sides.map((side, i) => ({label: side, colour: side_colours[i], shares: entries.map((entry) => entry.hits[i]?.[key])})), whole,
    {file: `hits-${key}.csv`, what, rows: () => [['side', 'format', 'of', 'hits', 'share', 'ci95_low', 'ci95_high'],
      ...entries.flatMap((entry) => sides.map((side, i) => [side, entry, i])).filter(([, entry, i]) => entry.hits[i])
        .map(([side, entry, i]) => [side, entry.formats[i], entry.hits[i].of[k], ...figures(entry.hits[i][key])])]}));
}

function draw_bits() {
  const entry = entry_now(), rows = bits_rows();
  const series = sides.map((side, i) => ({label: side, colour: side_colours[i], precision: entry?.precision[i], row: (tensor) => rows[i]?.find((r) => r.tensor === tensor)}))
    .filter((_, i) => rows[i]?.length);
  draw_bit_ranges([...new Set(rows.flat().map((row) => row.tensor))], series, {file: `bits-${file_name(state.format)}-${file_name(state.choice)}.csv`,
    what: 'correct bits', rows: () => [['side', 'format', 'choice', 'tensor', 'bits_worst_1_percent', 'bits_median'],
      ...sides.flatMap((side, i) => (rows[i] ?? []).map((r) => [side, r.format, r.choice, r.tensor, r.worst, r.median]))]});
}

function redraw() {
  draw_hits();
  draw_zones();
  draw_causes();
  draw_bits();
}

show_page();
