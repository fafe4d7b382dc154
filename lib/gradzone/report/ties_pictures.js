'use strict';
// The image and the feature map with their tied windows, and the strip of channels.

function draw_mark(ctx, kind, x, y, w, h, strength) {
  const {rgb, shape} = classes[kind];
  const size = Math.min(w, h), line = Math.max(1.5, size / 9), half = line / 2;
  ctx.lineWidth = line;
  ctx.strokeStyle = ctx.fillStyle = `rgb(${rgb})`;
  ctx.setLineDash(shape === 'dashed' ? [line * 1.5, line * 1.5] : []);
  if (shape === 'dot') {
    ctx.globalAlpha = 0.35 + 0.65 * strength;
    ctx.beginPath();
    ctx.arc(x + w / 2, y + h / 2, Math.max(1.2, size / 7), 0, 7);
    ctx.fill();
    ctx.globalAlpha = 1;
    return;
  }
  ctx.fillStyle = `rgba(${rgb},${shape === 'outlined' || shape === 'dashed' ? 0.12 : 0.2 + 0.5 * strength})`;
  ctx.fillRect(x, y, w, h);
  if (shape === 'filled') ctx.globalAlpha = 0.55 + 0.45 * strength;  // the rare ones are always plain to see
  ctx.beginPath();
  ctx.rect(x + half, y + half, w - line, h - line);
  if (shape === 'struck' || shape === 'crossed') {
    ctx.moveTo(x + half, y + h - half);
    ctx.lineTo(x + w - half, y + half);
  }
  if (shape === 'crossed') {
    ctx.moveTo(x + half, y + half);
    ctx.lineTo(x + w - half, y + h - half);
  }
  if (shape !== 'filled') stroke_dark(ctx, line);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

// An edge below the line, for light pixels.
function stroke_dark(ctx, line) {
  const style = ctx.strokeStyle;
  ctx.strokeStyle = 'rgba(0,0,0,.55)';
  ctx.lineWidth = 1.7 * line;
  ctx.stroke();
  ctx.strokeStyle = style;
  ctx.lineWidth = line;
}

function mark_swatch(kind) {
  const canvas = el('canvas', {class: 'mark', width: 36, height: 36, 'aria-hidden': 'true'});
  const ctx = canvas.getContext('2d');
  ctx.fillStyle = '#333';
  ctx.fillRect(0, 0, 36, 36);
  draw_mark(ctx, kind, 3, 3, 30, 30, 1);
  return canvas;
}

// Black and white, so that it is seen on every pixel.
function draw_cursor(ctx, x, y, w, h, dash = []) {
  for (const [style, width] of [['#000', 5], ['#fff', 2.5]]) {
    ctx.setLineDash(width < 5 ? dash : []);
    ctx.strokeStyle = style;
    ctx.lineWidth = width;
    ctx.strokeRect(x, y, w, h);
  }
  ctx.setLineDash([]);
}

// ---- where ties are, over all channels ---------------------------------------------------------------------------------

const grids = new WeakMap();
function grid(places, kind) {
  if (!places[kind]) return null;
  if (!grids.has(places)) grids.set(places, {});
  const known = grids.get(places);
  known[kind] ??= (() => {
    const text = atob(places[kind]);
    return Uint16Array.from({length: text.length / 2}, (_, i) => text.charCodeAt(2 * i) + 256 * text.charCodeAt(2 * i + 1));
  })();
  return known[kind];
}
// How many channels tie at a place.
const channels_at = (kind, at) => grid(view().places, kind)?.[at.row * layer().columns + at.column] ?? 0;
// Pixels between the windows of neighbouring outputs, across (0) and down (1).
const step = (axis) => layer().core[axis + 2] - layer().core[axis];
const drawn_kinds = () => classes.map((_, i) => i).filter((i) => !state.hidden.has(i));

// ---- the two pictures --------------------------------------------------------------------------------------------------

function draw_image(canvas) {
  const image = picture(), ctx = canvas.getContext('2d'), [x0, y0, x1, y1] = layer().core;
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(pixels_of(image), 0, 0, canvas.width, canvas.height);
  const sx = canvas.width / image.original_width, sy = canvas.height / image.original_height;
  const place = (i, dx, dy) => [(x0 + dx * step(0)) * sx, (y0 + dy * step(1)) * sy, (x1 - x0) * sx, (y1 - y0) * sy];
  let most = 1;
  for (const kind of drawn_kinds()) for (const n of grid(view().places, kind) ?? []) most = Math.max(most, n);
  for (const kind of drawn_kinds()) {
    (grid(view().places, kind) ?? []).forEach((n, i) => {
      if (n) draw_mark(ctx, kind, ...place(i, i % layer().columns, Math.floor(i / layer().columns)), n / most);
    });
  }
  if (!state.cursor) return;
  const {row, column} = state.cursor, [a, b, c, d] = layer().sees;
  draw_cursor(ctx, (a + column * step(0)) * sx, (b + row * step(1)) * sy, (c - a) * sx, (d - b) * sy, [6, 6]);
  draw_cursor(ctx, ...place(0, column, row));
}

function draw_map(canvas, shown, with_cursor) {
  const {rows, columns} = layer(), ctx = canvas.getContext('2d');
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(pixels_of({channels: 1, width: columns, height: rows, pixels: shown.map}), 0, 0, canvas.width, canvas.height);
  const w = canvas.width / columns, h = canvas.height / rows;
  for (const [row, column, kind] of shown.windows) {
    if (!state.hidden.has(kind)) draw_mark(ctx, kind, column * w, row * h, w, h, with_cursor ? 0.25 : 0.6);
  }
  if (with_cursor && state.cursor) draw_cursor(ctx, state.cursor.column * w, state.cursor.row * h, w, h);
}

// A picture to point at and to walk over: `window_of(x, y)` is the window at a share of its width and height.
function canvas_of(id, width, height, label, window_of) {
  let canvas = $(id).firstElementChild;
  if (canvas?.tagName !== 'CANVAS') {
    canvas = el('canvas', {tabindex: '0', role: 'application', 'aria-describedby': 'window', onkeydown: walk,
      onpointermove: (e) => point_at(e), onpointerdown: (e) => point_at(e)});
    $(id).replaceChildren(canvas);
  }
  const point_at = (e) => {
    const box = canvas.getBoundingClientRect();
    move(canvas.window_of((e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height));
  };
  canvas.width = width;
  canvas.height = height;
  canvas.window_of = window_of;
  canvas.setAttribute('aria-label', label);
  return canvas;
}

function move(to) {
  const {rows, columns} = layer();
  if (!to || to.row < 0 || to.column < 0 || to.row >= rows || to.column >= columns) return;
  if (state.cursor && to.row === state.cursor.row && to.column === state.cursor.column) return;
  state.cursor = to;
  draw_pictures();
  show_window();
}

function walk(event) {
  const at = state.cursor ?? {row: 0, column: -1};
  const moves = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
  if (event.key === 'Enter') move(next_tie(at));
  else if (event.key in moves) move({row: at.row + moves[event.key][0], column: Math.max(0, at.column + moves[event.key][1])});
  else return;
  event.preventDefault();
}

// The next tie of the channel that is drawn, round and round.
function next_tie(at) {
  const ties = (channel()?.windows ?? []).filter(([, , kind]) => !state.hidden.has(kind));
  const place = (row, column) => row * layer().columns + column;
  const next = ties.find(([row, column]) => place(row, column) > place(at.row, at.column)) ?? ties[0];
  return next && {row: next[0], column: next[1]};
}

const grey = (x) => (x === 'inf' ? '∞' : Number(x.toPrecision(3)).toString().replace('-', '−'));
const magnified = (size) => Math.max(1, Math.ceil(512 / size));

function draw_pictures() {
  const image = picture(), shape = layer();
  $('image-figure').hidden = !image;
  if (image) {
    const scale = magnified(Math.max(image.original_width, image.original_height));
    const at = (x, y) => ({row: Math.floor((y * image.original_height - shape.core[1]) / step(1)),
      column: Math.floor((x * image.original_width - shape.core[0]) / step(0))});
    draw_image(canvas_of('image', image.original_width * scale, image.original_height * scale,
      `Image ${state.sample} with the tied windows of ${shape.name} in ${short(state.format)}. Arrow keys move over the windows.`, at));
    $('image-caption').replaceChildren(`Image ${state.sample} with the tied windows of `, el('b', {}, shape.name), ', all channels');
  }
  const shown = channel();
  if (!shown) {
    $('map-caption').replaceChildren('');
    return $('map').replaceChildren(empty('The feature maps of this layer are too large for this page; its windows are in ties.csv.'));
  }
  const scale = magnified(Math.max(shape.rows, shape.columns));
  const at = (x, y) => ({row: Math.floor(y * shape.rows), column: Math.floor(x * shape.columns)});
  draw_map(canvas_of('map', shape.columns * scale, shape.rows * scale,
    `Feature map of ${shape.name}, channel ${shown.channel}: ${counted(shown.counts) || 'no ties'}. Arrow keys move over the windows.`, at), shown, true);
  $('map-caption').replaceChildren(`Feature map of `, el('b', {}, `${shape.name}, channel ${shown.channel}`),
    `: ${shape.rows} × ${shape.columns} windows, black is ${grey(view().low)}, white ${grey(view().high)}`);
}

// ---- the strip of channels ---------------------------------------------------------------------------------------------

function show_channels() {
  const shape = layer(), shown = view().channels, scale = Math.max(1, Math.ceil(112 / Math.max(shape.rows, shape.columns)));
  const before = $('channels').contains(document.activeElement);
  $('channels').replaceChildren(...shown.map((c, i) => {
    const canvas = el('canvas', {width: shape.columns * scale, height: shape.rows * scale, 'aria-hidden': 'true'});
    draw_map(canvas, c, false);
    const ties = c.counts.reduce((sum, n, kind) => sum + (state.hidden.has(kind) ? 0 : n), 0);
    return el('button', {type: 'button', 'aria-pressed': String(i === state.channel), title: counted(c.counts) || 'no ties',
      onclick: () => choose({channel: i})}, canvas, el('span', {}, `${c.channel}: ${plural(ties, 'tie')}`));
  }));
  if (before) $('channels').children[state.channel]?.focus({preventScroll: true});
  const left = shape.channels - shown.length;
  $('omitted').replaceChildren(left ? `The ${count(shown.length)} channels with most ties, constants counted last; ${plural(left, 'other')} in ties.csv only. ` : '',
    'The number is that of the ties drawn.');
}
