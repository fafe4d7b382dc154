'use strict';
// Shares with their intervals, as bars with whiskers.

// Lines over horizontal bars: each dataset has `whiskers`, [low, high] a bar.
const whiskers = {id: 'whiskers', afterDatasetsDraw(chart) {
  const {ctx, scales: {x}} = chart;
  ctx.save();
  ctx.strokeStyle = css('ink');
  ctx.lineWidth = 1.5;
  chart.data.datasets.forEach((set, i) => chart.getDatasetMeta(i).data.forEach((bar, k) => {
    if (!set.whiskers[k]) return;
    const [low, high] = set.whiskers[k].map((share) => x.getPixelForValue(share));
    ctx.beginPath();
    ctx.moveTo(low, bar.y);
    ctx.lineTo(high, bar.y);
    for (const end of [low, high]) {
      ctx.moveTo(end, bar.y - 5);
      ctx.lineTo(end, bar.y + 5);
    }
    ctx.stroke();
  }));
  ctx.restore();
}};

// `series`: [{label, colour, shares: [frequency or undefined]}], one bar a series and label; `whole` shows 0 to 100 %.
function draw_shares(id, what, labels, series, whole, csv) {
  const datasets = series.map(({label, colour: name, shares}) => ({label, backgroundColor: css(name),
    barThickness: series.length > 1 ? 14 : 20, data: shares.map((f) => (f ? 100 * f.share : null)),
    whiskers: shares.map((f) => f && [100 * f.low, 100 * f.high])}));
  const all = series.flatMap(({label, shares}) => shares.map((f, i) => [`${labels[i]}${series.length > 1 ? ` ${label}` : ''}`, f]).filter(([, f]) => f));
  const text = (f) => `${percent(f.share)}, interval ${percent(f.low)} to ${percent(f.high)}`;
  const most = Math.max(...all.map(([, f]) => 100 * f.high));
  draw(id, `${what}. ${all.map(([label, f]) => `${label}: ${text(f)}`).join('; ')}`, {type: 'bar', data: {labels, datasets}, plugins: [whiskers],
    options: {indexAxis: 'y', layout: {padding: {right: 8}}, plugins: {legend: series.length > 1 ? legend() : {display: false},
      tooltip: {callbacks: {label: (item) => `${series.length > 1 ? `${item.dataset.label}: ` : ''}${text(series[item.datasetIndex].shares[item.dataIndex])}`}}},
    scales: {x: {min: 0, ...(whole ? {max: 100} : {suggestedMax: most}), ticks: {maxTicksLimit: narrow() ? 4 : 6, callback: (x) => `${Number(x.toPrecision(3))} %`}},
      y: names(labels)}}}, (series.length > 1 ? 84 : 50) + (series.length > 1 ? 48 : 34) * labels.length, csv);
}
