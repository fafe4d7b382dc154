'use strict';
// The page of ties: what is shown, the buttons that choose it, and the words about a window.

// In the order of the data. Told apart by colour and by shape, on light and dark pixels alike.
const classes = [
  {name: 'among constants', rgb: '158,168,178', shape: 'dot', said: 'among constants',
    text: 'A real tie among constants, mostly the zeros that ReLU leaves: no derivative passes, so the tie is harmless.'},
  {name: 'equal patches', rgb: '86,180,233', shape: 'filled', said: 'between equal patches',
    text: 'A real tie between equal patches: one expression, so every choice gives the same derivative over the reals. In floats ' +
      'split sums round differently, which makes a compensation with cause rounding.'},
  {name: 'different patches', rgb: '226,88,34', shape: 'crossed', said: 'between different patches',
    text: 'A real tie that structure does not prove to be of equal patches: where such a tie matters, the gradient is a matter of ' +
      'choice over the reals already, a bifurcation.'},
  {name: 'false tie', rgb: '240,190,20', shape: 'struck', said: 'falsely',
    text: 'Made by rounding: an entry ties in the floats that does not over the reals.'},
  {name: 'lost tie', rgb: '230,130,180', shape: 'outlined', said: 'lost in floats',
    text: 'Broken by rounding: an entry ties over the reals that does not in the floats.'},
  {name: 'undecided', rgb: '240,240,240', shape: 'dashed', said: 'undecided',
    text: 'A tie in the floats; the reference did not decide whether it is there over the reals.'},
];

const unique = (list) => [...new Set(list)];
const samples = unique(data.points.map((point) => point.sample));
const formats = unique(data.points.map((point) => point.format));
const short = (format) => format.replace(/\/chain$/, '');

// `hidden` are classes that are not drawn; `channel` counts in the list of the view's channels, most ties first.
const state = {sample: samples[0], format: formats[0], layer: 0, channel: 0, hidden: new Set(), cursor: null};
const point = () => data.points.find((p) => p.sample === state.sample && p.format === state.format);
const view = () => point().layers[state.layer];
const layer = () => data.layers[state.layer];
const channel = () => view().channels[state.channel];
const picture = () => data.images[samples.indexOf(state.sample)];

// ---- words -----------------------------------------------------------------------------------------------------------

// "4 between equal patches, 1 falsely"
const counted = (counts) => counts.map((n, i) => (n ? `${count(n)} ${classes[i].said}` : '')).filter(Boolean).join(', ');

function show_verdict() {
  const p = point();
  const why = [p.cause && `cause: ${p.cause}${p.cause_layer && `, first at ${p.cause_layer}`}`,
    p.witness && `witness: ${p.witness}`, p.proof && `proof: ${p.proof}`].filter(Boolean).join('; ');
  const here = view();
  // In the composed form each choice has a forward pass, and so ties, of its own.
  const program = data.form === 'composed' ? `, composed, ${data.first_choice}` : '';
  const ties = here.ties ? `${count(here.ties)} of ${plural(layer().windows, 'window')} tie: ${counted(here.counts)}.` :
    `None of its ${plural(layer().windows, 'window')} ties.`;
  const choices = layer().choices_differ ? '' : ' The compared choices agree at this layer: its ties do not matter to them.';
  $('verdict').style.setProperty('--c', colour(p.zone));
  $('verdict').replaceChildren(`Image ${count(p.sample)}, label ${p.label}`, p.predicted < 0 ? '' : `, predicted ${p.predicted}`,
    `, in ${short(p.format)}${program}: `, swatch(p.zone), el('b', {}, p.zone), why ? ` (${why}). ` : '. ',
    `At ${layer().name}: ${ties}${choices}`);
}

// Members are positions in the window, row by row, from 1.
const positions = (members) => members.map((i) => i + 1).join(', ');
const entry = (x) => (x === null ? '–' : x === 'inf' ? '∞' : String(x));

function window_words([, , kind, reached, floats, reals, value, why]) {
  const derivative = reached ? 'A nonzero derivative reaches it.' : 'No derivative reaches it.';
  const end = ` ${derivative}`;
  if (layer().op === 'norm_pool') return `a zero window (${classes[kind].name}).${end}`;
  if (!Array.isArray(value)) {
    return `a real tie ${classes[kind].said}: entries ${positions(floats)} are all ${entry(value)}, in the floats and over the reals.${end}`;
  }
  const list = `the entries are ${value.map(entry).join(', ')} in floats`;
  const real = reals === null ? positions(floats) : reals.length ? positions(reals) : 'undecided';
  const among = why && ` (${why === 'constant' ? 'constants' : `${why} patches`})`;
  return `${classes[kind].name}: ${list}; the maximum is at ${positions(floats) || 'none'} in floats, over the reals at ${real}${among}.${end}`;
}

function show_window() {
  const at = state.cursor, shape = layer();
  if (!at) {
    return $('window').replaceChildren('Point at a window, or go to a picture and use the arrow keys; Enter leads to the next tie of the channel.');
  }
  const x = shape.sees[0] + at.column * step(0), y = shape.sees[1] + at.row * step(1);
  const w = shape.sees[2] - shape.sees[0], h = shape.sees[3] - shape.sees[1];
  const sees = w > 0 ? `, which sees the pixels ${x} to ${x + w - 1} across and ${y} to ${y + h - 1} down` : '';
  const here = classes.map((_, i) => channels_at(i, at));
  const all = here.some(Boolean) ? `Of ${plural(shape.channels, 'channel')}, there tie ${counted(here)}.` : 'No channel ties there.';
  const found = channel()?.windows.find(([row, column]) => row === at.row && column === at.column);
  const own = !channel() ? '' : ` Channel ${channel().channel}: ${found ? window_words(found) : 'no tie.'}`;
  $('window').replaceChildren(el('b', {}, `Row ${at.row}, column ${at.column}`), `${sees}. ${all}${own}`);
}

// ---- buttons ---------------------------------------------------------------------------------------------------------

// Another image or format orders the channels anew: the one that is shown stays, where it is among them.
function choose(change) {
  const before = channel()?.channel;
  Object.assign(state, change);
  const shape = layer();
  if (!('channel' in change)) state.channel = Math.max(0, view().channels.findIndex((c) => c.channel === before));
  if (state.cursor && (state.cursor.row >= shape.rows || state.cursor.column >= shape.columns)) state.cursor = null;
  redraw();
}

// Many images are a list to choose from, a few are buttons.
function show_samples() {
  if (samples.length <= 8) {
    return buttons('sample-switch', 'Image', samples.map((s) => [s, String(s)]), state.sample, (sample) => choose({sample}));
  }
  if ($('sample-switch').firstChild) return;
  $('sample-switch').replaceChildren(el('label', {}, 'Image ', el('select', {onchange: (e) => choose({sample: Number(e.target.value)})},
    ...samples.map((s) => el('option', {value: s}, String(s))))));
}

function show_switches() {
  show_samples();
  buttons('format-switch', 'Format', formats.map((f) => [f, short(f)]), state.format, (format) => choose({format}));
  buttons('layer-switch', 'Layer', data.layers.map((l, i) => [i, l.name]), state.layer,
    (index) => choose({layer: index, channel: 0, cursor: null}));
  const present = classes.map((_, i) => i).filter((i) => i !== 5 || data.points.some((p) => p.layers.some((l) => l.counts[5])));
  const before = document.activeElement?.dataset?.kind;
  $('kind-switch').replaceChildren(...present.map((i) => el('button', {type: 'button', 'data-kind': String(i),
    'aria-pressed': String(!state.hidden.has(i)), onclick: () => toggle(i)},
  mark_swatch(i), `${classes[i].name}: ${count(view().counts[i])}`)));
  if (before !== undefined) $('kind-switch').querySelector(`[data-kind="${before}"]`)?.focus({preventScroll: true});
}

function toggle(kind) {
  state.hidden.has(kind) ? state.hidden.delete(kind) : state.hidden.add(kind);
  redraw();
}

function redraw() {
  if (!data.points.length) return;
  show_switches();
  show_verdict();
  draw_pictures();
  show_channels();
  show_window();
  show_tables();
}
