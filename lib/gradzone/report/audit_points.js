'use strict';
// The worst points with their pictures, and the table of all points.

// ---- pictures --------------------------------------------------------------------------------------------------------

// Told apart by colour, by fill and by shape, on light and dark pixels alike.
const tie_kinds = [
  {name: 'real and float', rgb: '86,180,233', text: 'a tie over the reals that the floats see'},
  {name: 'false tie', rgb: '240,160,20', text: 'made by rounding: a tie in floats only (struck through)'},
  {name: 'lost tie', rgb: '230,130,180', text: 'broken by rounding: a tie over the reals only (outlined)'},
];

function draw_mark(ctx, kind, x, y, w, h, strength) {
  const {rgb} = tie_kinds[kind];
  const line = Math.max(1.5, Math.min(w, h) / 7), half = line / 2;
  ctx.lineWidth = line;
  ctx.fillStyle = `rgba(${rgb},${kind === 2 ? 0.12 : 0.2 + 0.55 * strength})`;
  ctx.fillRect(x, y, w, h);
  if (kind === 0) return;
  ctx.strokeStyle = `rgb(${rgb})`;
  ctx.strokeRect(x + half, y + half, w - line, h - line);
  if (kind === 2) return;
  ctx.beginPath();
  ctx.moveTo(x + half, y + h - half);
  ctx.lineTo(x + w - half, y + half);
  ctx.stroke();
}

function tie_swatch(kind) {
  const canvas = el('canvas', {class: 'swatch', width: 28, height: 28, 'aria-hidden': 'true'});
  const ctx = canvas.getContext('2d');
  ctx.fillStyle = '#333';
  ctx.fillRect(0, 0, 28, 28);
  draw_mark(ctx, kind, 0, 0, 28, 28, 1);
  return canvas;
}

// marks: [layer, kind, x0, y0, x1, y1, channels] in pixels of the original image.
function draw_picture(canvas, image, marks) {
  const ctx = canvas.getContext('2d');
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(pixels_of(image), 0, 0, canvas.width, canvas.height);
  const sx = canvas.width / image.original_width, sy = canvas.height / image.original_height;
  const most = Math.max(1, ...marks.map((mark) => mark[6]));
  for (const [, kind, x0, y0, x1, y1, channels] of [...marks].sort((a, b) => a[1] - b[1])) {
    draw_mark(ctx, kind, x0 * sx, y0 * sy, (x1 - x0) * sx, (y1 - y0) * sy, channels / most);
  }
}

function tie_sentence(point) {
  const names = ['real', 'in floats', 'false', 'lost'];
  const layers = point.ties.map(([layer, ...counts]) => `${data.worst_layers[layer]} ` +
    names.map((name, i) => [name, counts[i]]).filter(([, n]) => n).map(([name, n]) => `${count(n)} ${name}`).join(', '));
  return layers.length ? `Tied windows: ${layers.join('; ')}.` : 'No window ties at a nonzero maximum.';
}

function picture_of(point) {
  if (!point.image) return [];
  const scale = Math.max(1, Math.ceil(448 / point.image.original_width));
  const canvas = el('canvas', {role: 'img', width: point.image.original_width * scale, height: point.image.original_height * scale,
    'aria-label': `Image ${point.first} with its tied windows. ${tie_sentence(point)}`});
  const layers = [...new Set(point.marks.map((mark) => mark[0]))];
  const show = (layer) => draw_picture(canvas, point.image, point.marks.filter((mark) => mark[0] === layer));
  // One layer at a time (their windows overlap), starting with the layer of the cause.
  const start = layers.find((layer) => data.worst_layers[layer] === point.cause_layer) ?? layers[0];
  show(start);
  const choose = (event) => {
    for (const button of event.target.parentNode.children) button.setAttribute('aria-pressed', String(button === event.target));
    show(Number(event.target.value));
  };
  return [canvas, layers.length < 2 ? undefined : el('div', {class: 'switch', role: 'group', 'aria-label': 'Layer drawn'},
    ...layers.map((layer) => el('button', {type: 'button', value: layer, 'aria-pressed': String(layer === start), onclick: choose},
      data.worst_layers[layer])))];
}

function card(point) {
  const what = [`image ${count(point.first)}`, point.batch > 1 ? `and ${count(point.batch - 1)} more` : '',
    point.label === '' ? '' : `label ${point.label}`, point.predicted < 0 ? '' : `predicted ${point.predicted}`].filter(Boolean);
  const seen = point.zone === 'bifurcation' ? ` The floats ${point.float_sees ? 'see' : 'hide'} it.` : '';
  const why = [point.cause && `cause: ${point.cause}${point.cause_layer && `, first at ${point.cause_layer}`}`,
    point.witness && `witness: ${point.witness}`, point.proof && `proof: ${point.proof}`].filter(Boolean).join('; ');
  const real = point.delta_real_upper === 0 ? '= 0, proven' :
    `between ${scientific(point.delta_real_lower)} and ${scientific(point.delta_real_upper)}`;
  return el('article', {class: 'card', color: colour(point.zone)},
    el('h3', {}, swatch(point.zone), `Point ${count(point.point)}: ${point.zone}`), el('p', {class: 'note'}, what.join(', ')),
    ...picture_of(point),
    el('p', {}, 'Δ', el('sub', {}, 'R'), ` ${real}; Δ`, el('sub', {}, 'F'), ` = ${scientific(point.delta_float_inf)}.${seen}`),
    why && el('p', {}, `${why[0].toUpperCase()}${why.slice(1)}.`), el('p', {class: 'note'}, tie_sentence(point)));
}

function show_gallery() {
  const points = data.worst[state.format] ?? [];
  const pictured = points.some((point) => point.marks.length);
  $('tie-legend').replaceChildren(...(pictured ? tie_kinds.flatMap((kind, i) =>
    [el('dt', {}, tie_swatch(i), kind.name), el('dd', {}, kind.text)]) : []));
  $('gallery').replaceChildren(...(points.length ? points.map(card) : [empty(
    data.table.rows.length ? 'Every point is regular: there is none to show.' : 'No point was audited.')]));
  csv_button('gallery', pictured && {file: `tied-windows-${file_name(state.format)}.csv`, what: 'the marks on these pictures', rows: () => [
    ['format', 'point', 'image', 'layer', 'kind', 'x0', 'y0', 'x1', 'y1', 'channels'], ...points.flatMap((point) =>
      point.marks.map(([layer, kind, ...box]) => [state.format, point.point, point.first, data.worst_layers[layer], tie_kinds[kind].name, ...box]))]});
}

// ---- the table -------------------------------------------------------------------------------------------------------

const sub = (letter) => ['Δ', el('sub', {}, letter)];

const points = data_table(data.table, {
  part: 'points', label: 'Points', noun: 'point', none: no_points, file: 'points.csv',
  texts: ['format', 'zone', 'cause', 'cause_layer', 'proof', 'witness', 'label'],
  shown: [
    ['point', 'Point'], ['zone', 'Zone'], ['cause', 'Cause'], ['cause_layer', 'First at'], ['delta_real_upper', sub('R')],
    ['delta_float_inf', sub('F')], ['proof', 'Proof'], ['first', 'Image'], ['label', 'Label'], ['predicted', 'Predicted'],
    ['stat_inf', 'Sum of ∞-norms'], ['stat_l1', 'of 1-norms'], ['bits_used', 'Bits used'], ['witness', 'Witness'],
  ],
  picks: [['Zone', 'zone'], ['Cause', 'cause']],
  search: {names: ['point', 'zone', 'cause', 'cause_layer', 'proof', 'first', 'label', 'witness'], hint: 'layer, label, image …'},
  fits: (row) => points.value(row, 'format') === state.format,
  cell: point_cell((row, name) => points.raw(row, name)),
});

const show_points = () => points.show();

show_page();
