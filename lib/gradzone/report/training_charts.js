'use strict';
// The curves of a training: one picture for each format and form, drawn anew when the scale, the colour scheme or the
// medium (print) changes.

const panels = [...new Map(data.configurations.map((c) => [`${c.format}, ${c.form}`, c])).entries()].map(([name, {format, form}]) =>
  ({name, form, curves: data.configurations.filter((c) => c.format === format && c.form === form)}));
const last_epoch = Math.max(...data.configurations.map((c) => c.final.epoch));

// A line of numbers; others are gaps. `place` makes of a number what the axis shows.
function points(epochs, values, place) {
  return epochs.map((x, i) => ({x, y: typeof values[i] === 'number' ? place(values[i]) : null}));
}

// A mean with the range around it: the range is filled between two lines that are not drawn.
function band(label, epochs, {mean, low, high}, place, colour, style) {
  const unseen = {label: '', borderWidth: 0, pointRadius: 0, pointHitRadius: 0};
  return [
    {...unseen, data: points(epochs, low, place), fill: false},
    {...unseen, data: points(epochs, high, place), fill: '-1', backgroundColor: `${colour}${style.shade}`},
    {label, data: points(epochs, mean, place), borderColor: colour, backgroundColor: colour, borderWidth: 2,
      pointRadius: epochs.length > 1 ? 0 : 3, pointHitRadius: 6, fill: false, ...style},
  ];
}

// Every panel of the group `id` has the same axis, so that they can be compared; rows(curves) is what is in it as a table.
function draw_panels(id, datasets_of, what, y, show, {file, rows}) {
  $(`${id}-panels`).replaceChildren(...panels.map(({name}, i) => el('figure', {}, el('h3', {}, name),
    el('div', {class: 'chart tall', id: `${id}-${i}`}))));
  const all = panels.map((panel) => panel.curves.flatMap((c) => datasets_of(c, panel.form)));
  const shown = all.flat().flatMap((set) => set.data.map((point) => point.y)).filter((value) => value !== null);
  panels.forEach((panel, i) => {
    const datasets = all[i];
    if (!datasets.some((set) => set.data.some((point) => point.y !== null))) return draw(`${id}-${i}`, `No finite ${what} here.`);
    const summary = panel.curves.map((c) => `β = ${c.beta}: ${show(c)}`).join('; ');
    draw(`${id}-${i}`, `${what} by epoch, ${panel.name}. ${summary}`, {type: 'line', data: {datasets},
      options: {parsing: false, normalized: true, interaction: {mode: 'nearest', intersect: false},
        plugins: {legend: {display: false}, tooltip: {filter: (item) => item.dataset.label !== '',
          callbacks: {title: (items) => (items.length ? `epoch ${items[0].raw.x}` : ''), label: (item) => `${item.dataset.label}: ${y.text(item.raw.y)}`}}},
        scales: {x: {type: 'linear', min: 1, max: Math.max(2, last_epoch), title: title('epoch'),
          ticks: {precision: 0, maxTicksLimit: narrow() ? 6 : 9}}, y: y.axis(shown)}}}, undefined,
    {file: `${file}-${file_name(panel.name)}.csv`, what: `${what}, ${panel.name}`, rows: () => rows(panel.curves)});
  });
}

// The steps 1, 2, 5 of each decade are named, and an end of the axis that is not beside one; others would overlap.
const is_step = (x) => /^[125]e/.test(Number(x.toPrecision(6)).toExponential());
function decade_label(x, i, ticks) {
  const is_end = ticks && (i === 0 || i === ticks.length - 1);
  const alone = is_end && !ticks.some(({value}) => is_step(value) && Math.abs(Math.log(value / x)) < 0.4);
  return is_step(x) || alone ? String(Number(x.toPrecision(3))) : '';
}

const accuracy_scales = {
  linear: {place: (x) => 100 * x, text: (y) => `${y.toFixed(2)} %`,
    axis: () => ({min: 0, max: 100, ticks: {callback: (y) => `${y} %`}, title: title('test accuracy')})},
  // Where curves are told apart: 98 %, 99 % and 99.5 % are far from one another. What has no error has its least one.
  error: {place: (x) => Math.max(100 - 100 * x, 0.01), text: (y) => `${(100 - y).toFixed(2)} %`,
    axis: () => ({type: 'logarithmic', reverse: true, max: 100,
      ticks: {autoSkip: false, callback: (y, i, ticks) => (decade_label(y, i, ticks) ? `${Number((100 - y).toPrecision(5))} %` : '')},
      title: title('test accuracy')})},
};

function draw_accuracy() {
  buttons('accuracy-switch', 'Scale', [['linear', '0 to 100 %'], ['error', 'stretched towards 100 %']], state.accuracy,
    (scale) => { state.accuracy = scale; draw_accuracy(); });
  const scale = accuracy_scales[state.accuracy];
  draw_panels('accuracy', (c, form) => {
    const colour = css(beta_colour(c.beta)), label = `β = ${c.beta}`;
    const here = band(label, c.epoch, c.accuracy, scale.place, colour, {shade: '40', borderDash: form === 'composed' ? [7, 4] : []});
    if (!c.published?.epoch?.length) return here;
    const clip = (x) => Math.min(1, Math.max(0, x));
    return [...band(`${label}, published`, c.published.epoch, c.published, (x) => scale.place(clip(x)), colour,
      {shade: '24', borderDash: [1, 3], borderWidth: 1}), ...here];
  }, 'Test accuracy', scale, (c) => `${in_percent(c.final.mean)} after epoch ${c.final.epoch}`, {file: 'accuracy', rows: accuracy_rows});
}

const loss_scale = {place: (x) => (x > 0 ? x : null), text: (y) => y.toPrecision(3),
  axis: (shown) => ({type: 'logarithmic', min: Math.min(...shown), max: Math.max(...shown, 1.1 * Math.min(...shown)),
    ticks: {autoSkip: false, callback: decade_label}, title: title('loss')})};

function draw_loss() {
  buttons('loss-switch', 'Loss of', [['test_loss', 'the test images'], ['train_loss', 'the training images']], state.loss,
    (loss) => { state.loss = loss; draw_loss(); });
  draw_panels('loss', (c, form) => band(`β = ${c.beta}`, c.epoch, c[state.loss], loss_scale.place, css(beta_colour(c.beta)),
    {shade: '40', borderDash: form === 'composed' ? [7, 4] : []}), 'Loss', loss_scale,
  (c) => (c[state.loss].mean.at(-1) === null ? 'not a number at the end' : `${c[state.loss].mean.at(-1)} at the end`),
  {file: state.loss.replace('_', '-'), rows: (curves) => curve_rows([[state.loss, state.loss]], curves)});
}

function draw_zones() {
  if (!data.zones.length) return;
  buttons('zones-switch', 'Configuration', data.zones.map((row, i) => [i, of_configuration(row).label]), state.zones,
    (i) => { state.zones = i; draw_zones(); });
  const {bins} = data.zones[state.zones];
  const labels = bins.map((bin) => (bin.from === bin.to ? String(bin.from) : `${bin.from}–${bin.to}`));
  const datasets = zone_columns.filter((zone) => bins.some((bin) => bin.zones[zone])).map((zone) => ({label: zone,
    data: bins.map((bin) => bin.zones[zone] ?? 0), backgroundColor: css(zone === 'no point' ? 'orange' : zone),
    categoryPercentage: 1, barPercentage: 0.94}));
  const summary = bins.map((bin, i) => `steps ${labels[i]}: ` +
    Object.entries(bin.zones).map(([zone, n]) => `${n} ${zone}`).join(', ')).join('; ');
  draw('zones-chart', `Zones of mini-batches by step, ${of_configuration(data.zones[state.zones]).label}. ${summary}`,
    {type: 'bar', data: {labels, datasets}, options: {plugins: {legend: legend(), tooltip: {mode: 'index'}},
      scales: {x: {stacked: true, grid: {display: false}, title: title('step'), ticks: {maxTicksLimit: narrow() ? 5 : 10, maxRotation: 0}},
        y: {stacked: true, ticks: {precision: 0}, title: title('mini-batches')}}}}, undefined,
    {file: `zones-${file_name(of_configuration(data.zones[state.zones]).label)}.csv`, what: 'zones of mini-batches by step',
      rows: () => zone_rows([data.zones[state.zones]])});
}

function redraw() {
  draw_accuracy();
  draw_loss();
  draw_zones();
}

show_page();
