'use strict';
// A table of thousands of rows that a reader sorts, filters and turns page by page. Texts that repeat are stored once, and
// a row has their positions.

// `source`: {columns, strings, rows, omitted} of the page's data. `spec`:
//   part      its elements are part-table, part-filters, part-pager
//   noun      of a row
//   texts     names of the columns that hold positions of texts
//   shown     [[name, heading]] in their order; the first one orders equals
//   cell      cell(row, name, value): what to show, or undefined for the usual
//   fits      fits(row): whether the page as it stands has this row at all
//   picks     [[label, name]] of columns to filter by value; search: names of columns to search, and a hint
//   none      what to say where there is no row at all
function data_table(source, spec) {
  const column = Object.fromEntries(source.columns.map((name, i) => [name, i]));
  const texts = new Set(spec.texts), id = (part) => `${spec.part}-${part}`;
  const view = {sort: spec.shown[0][0], down: false, page: 0, text: '', size: 25, picked: {}};
  const raw = (row, name) => row[column[name]];
  const value = (row, name) => (texts.has(name) ? source.strings[raw(row, name)] : raw(row, name) === 'inf' ? Infinity : raw(row, name));
  const here = () => source.rows.filter((row) => spec.fits?.(row) ?? true);

  // What is not there comes last, in whichever direction.
  function compare(a, b, name) {
    const x = value(a, name), y = value(b, name), none = (v) => v === null || v === '';
    if (none(x) || none(y)) return none(x) - none(y);
    const by = x < y ? -1 : x > y ? 1 : 0;
    return view.down ? -by : by;
  }
  function chosen() {
    const wanted = view.text.trim().toLowerCase();
    const fits = (row) => spec.picks.every(([, name]) => !view.picked[name] || value(row, name) === view.picked[name]) &&
      (!wanted || spec.search.names.some((name) => String(value(row, name)).toLowerCase().includes(wanted)));
    return here().filter(fits).sort((a, b) => compare(a, b, view.sort) || raw(a, spec.shown[0][0]) - raw(b, spec.shown[0][0]));
  }
  function cell(row, name) {
    const v = value(row, name), own = spec.cell?.(row, name, v);
    if (own !== undefined) return own;
    if (v === null) return '–';
    return texts.has(name) ? v : /^(delta|stat)/.test(name) ? scientific(raw(row, name)) : count(v);
  }
  function sort_by(name) {
    view.down = view.sort === name && !view.down;
    view.sort = name;
    view.page = 0;
    show_rows();
    $(id('table')).querySelector('th[aria-sort] button')?.focus({preventScroll: true});
  }
  function heading(name, parts) {
    return el('button', {type: 'button', onclick: () => sort_by(name)}, ...[parts].flat().map((part) => part.cloneNode?.(true) ?? part));
  }
  function show_rows() {
    const rows = chosen(), pages = Math.max(1, Math.ceil(rows.length / view.size));
    view.page = Math.min(view.page, pages - 1);
    const kind = (name) => (!texts.has(name) ? 'number' : name === 'witness' ? 'long' : 'word');
    const node = table(spec.shown.map(([name, text]) => [heading(name, text), (row) => cell(row, name), kind(name)]),
      rows.slice(view.page * view.size, (view.page + 1) * view.size));
    node.querySelectorAll('th')[spec.shown.findIndex(([name]) => name === view.sort)]
      .setAttribute('aria-sort', view.down ? 'descending' : 'ascending');
    const frame = $(id('table')), position = frame.scrollLeft;
    show_table(id('table'), spec.label, rows.length ? node : empty(source.rows.length ? `No ${spec.noun} fits these filters.` : spec.none));
    frame.scrollLeft = position;
    show_pager(rows.length, pages);
  }
  function show_pager(total, pages) {
    const go = (page, text) => { view.page = page; show_rows(); focus_again(id('pager'), text); };
    const step = (text, page, possible) => el('button', {type: 'button', ...(possible ? {} : {disabled: ''}), onclick: () => go(page, text)}, text);
    const omitted = source.omitted ? ` The ${count(source.omitted)} least conspicuous rows are in ${spec.file} only.` : '';
    $(id('pager')).replaceChildren(step('Previous', view.page - 1, view.page > 0),
      el('span', {role: 'status'}, `Page ${count(view.page + 1)} of ${count(pages)}, ${plural(total, spec.noun)}.${omitted}`),
      step('Next', view.page + 1, view.page + 1 < pages));
  }
  function again(change) {
    change();
    view.page = 0;
    show_rows();
  }
  // The filters offer what is there now, and forget what is not.
  function show() {
    const rows = here();
    const pick = ([label, name]) => {
      const values = [...new Set(rows.map((row) => value(row, name)))].filter(Boolean).sort();
      if (!values.includes(view.picked[name])) view.picked[name] = '';
      return el('label', {}, label, el('select', {onchange: (e) => again(() => { view.picked[name] = e.target.value; })},
        el('option', {value: ''}, 'any'), ...values.map((v) => el('option', {value: v, ...(view.picked[name] === v ? {selected: ''} : {})}, v))));
    };
    const search = el('input', {type: 'search', value: view.text, placeholder: spec.search.hint,
      oninput: (e) => again(() => { view.text = e.target.value; })});
    $(id('filters')).replaceChildren(...spec.picks.map(pick), el('label', {}, 'Contains', search));
    $(id('filters')).onsubmit = (event) => event.preventDefault();
    show_rows();
  }
  return {show, value, raw};
}
