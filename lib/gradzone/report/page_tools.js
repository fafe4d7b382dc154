'use strict';
// What all pages share: data, elements, tables, buttons, pictures, provenance. Text reaches the page through textContent
// alone, never as markup.

const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const zone_names = ['regular', 'compensation', 'bifurcation', 'undecided'];

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'color') node.style.setProperty('--c', value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== undefined));
  return node;
}
const colour = (name) => `var(--${name})`;
const swatch = (name) => el('span', {class: 'swatch', color: colour(name), 'aria-hidden': 'true'});
const count = (n) => n.toLocaleString('en');
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : word.endsWith('ch') ? 'es' : 's'}`;
const percent = (x) => `${(100 * x).toFixed(x === 0 || x === 1 ? 0 : x > 0.01 && x < 0.99 ? 1 : 3)} %`;

// 4.2e−9, with a minus that does not break over lines; infinities and "not a number" travel as strings and null.
function scientific(x) {
  if (x === null || x === undefined) return '–';
  if (x === 'inf') return '∞';
  return x === 0 ? '0' : x.toExponential(1).replace('.0e', 'e').replace('-', '−').replace('+', '');
}

// columns: [heading, cell(row), kind]; kind is "number", "word" (never wrapped) or nothing.
function table(columns, rows, row_class = () => undefined) {
  const head = el('tr', {}, ...columns.map(([heading, , kind]) => el('th', {scope: 'col', class: kind}, ...[heading].flat())));
  const body = rows.map((row, i) => el('tr', {class: row_class(row, i)},
    ...columns.map(([, cell, kind]) => el('td', {class: kind}, cell(row)))));
  return el('table', {}, el('thead', {}, head), el('tbody', {}, ...body));
}
// A wide table scrolls inside its own frame, also by keyboard.
function show_table(id, label, node) {
  const frame = $(id);
  frame.replaceChildren(node);
  frame.setAttribute('role', 'region');
  frame.setAttribute('aria-label', label);
  frame.tabIndex = 0;
}
const empty = (text) => el('p', {class: 'empty'}, text);

function buttons(id, label, options, current, choose) {
  $(id).replaceChildren(...(options.length < 2 ? [] : [el('span', {}, label),
    ...options.map(([value, text]) => el('button', {type: 'button', 'aria-pressed': String(value === current),
      onclick: (event) => { choose(value); focus_again(id, text, event); }}, text))]));
}
// Choosing rebuilds the row of buttons; the keyboard stays where it was.
function focus_again(id, text) {
  [...$(id).querySelectorAll('button')].find((button) => button.textContent === text)?.focus({preventScroll: true});
}

// ---- figures as files --------------------------------------------------------------------------------------------------

// `rows` are arrays, the first one the names of the columns; cells as RFC 4180 has them.
function save_csv(file, rows) {
  const cell = (x) => (x === null || x === undefined ? '' : /[",\r\n]/.test(x) ? `"${String(x).replaceAll('"', '""')}"` : String(x));
  const text = rows.map((row) => row.map(cell).join(',') + '\n').join('');
  const link = el('a', {href: URL.createObjectURL(new Blob([text], {type: 'text/csv'})), download: file});
  link.click();
  URL.revokeObjectURL(link.href);
}
// A button under the part `id` that saves {file, what, rows()}; none if there is nothing to save.
function csv_button(id, csv) {
  const button = csv ? el('button', {type: 'button', title: csv.file, 'aria-label': `CSV: ${csv.what}`,
    onclick: () => save_csv(csv.file, csv.rows())}, 'CSV') : undefined;
  const old = $(id).nextElementSibling;
  if (old?.classList.contains('csv')) old.replaceChildren(...(button ? [button] : []));
  else if (button) $(id).after(el('p', {class: 'csv'}, button));
}
const file_name = (text) => text.replace(/[^A-Za-z0-9]+/g, '-');
// A frequency and its interval, as a file has them.
const figures = ({count: n, share, low, high}) => [n, share, low, high];

// ---- pictures by Chart.js ---------------------------------------------------------------------------------------------

const drawn = new Map();
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Draws into the frame `id`, `height` pixels high (or as high as the style sheet says); `summary` is read aloud instead.
// `csv` offers what is drawn as a file (csv_button).
function draw(id, summary, config, height, csv) {
  csv_button(id, config && csv);
  drawn.get(id)?.destroy();
  drawn.delete(id);
  const frame = $(id);
  frame.style.height = config ? (height ? `${height}px` : '') : 'auto';
  if (!config) return frame.replaceChildren(empty(summary));
  const canvas = el('canvas', {role: 'img', 'aria-label': summary});
  frame.replaceChildren(canvas);
  Chart.defaults.color = css('soft');
  Chart.defaults.borderColor = css('line');
  Chart.defaults.font.family = css('sans');
  Chart.defaults.font.size = 13;
  config.options = {responsive: true, maintainAspectRatio: false, animation: false, ...config.options};
  drawn.set(id, new Chart(canvas, config));
}

const narrow = () => window.innerWidth < 560;
const legend = () => ({position: 'top', align: 'start', labels: {boxWidth: 12, boxHeight: 12, padding: 14, color: css('ink')}});
const title = (text) => ({display: true, text, color: css('soft')});
// The end of a layer's or tensor's name tells it from the others.
const clipped = (text) => (text.length > (narrow() ? 16 : 40) ? `…${text.slice(narrow() ? -15 : -39)}` : text);
function names(labels) {
  return {grid: {display: false}, ticks: {autoSkip: false, color: css('ink'),
    callback: (_, i) => clipped(labels[i])}};
}

// Each page has its function redraw.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
addEventListener('beforeprint', () => { document.documentElement.dataset.paper = ''; redraw(); });
addEventListener('afterprint', () => { delete document.documentElement.dataset.paper; redraw(); });

// ---- provenance ------------------------------------------------------------------------------------------------------

// A command breaks between its words only.
const command = (text) => el('code', {}, ...text.split(' ').flatMap((word) => [el('span', {class: 'token'}, word), ' ']));

function show_provenance() {
  $('provenance').replaceChildren(...data.provenance.flatMap(([key, value]) =>
    [el('dt', {}, key), el('dd', {}, key === 'command' ? command(value) : value)]));
}
