'use strict';
// The values under the pointer, in every chart at once. The page says all the rest without this.
(() => {
  const source = document.getElementById('series');
  const data = source && JSON.parse(source.textContent);
  if (!data) return;
  const charts = [...document.querySelectorAll('figure[data-chart]')].map((figure, i) => ({
    svg: figure.querySelector(':scope > svg'),
    cross: figure.querySelector('.cross'),
    outputs: [...figure.querySelectorAll('output')],
    span: data.charts[i].span,
    lines: data.charts[i].lines,
  }));
  const room = data.width - data.left - data.right;

  const span = (s) => {
    const [value, unit] = s >= 1 ? [s, 's'] : s >= 0.001 ? [s * 1e3, 'ms'] : [s * 1e6, 'µs'];
    return value.toFixed(unit === 'µs' || value >= 100 ? 0 : value >= 10 ? 1 : 2) + ' ' + unit;
  };
  const number = (n) => n.toLocaleString('en', { maximumFractionDigits: 1 });

  // The point whose middle is nearest to that moment.
  const nearest = (moment) => {
    let [low, high] = [0, data.at.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.at[middle] < moment) low = middle + 1; else high = middle;
    }
    return low > 0 && moment - data.at[low - 1] < data.at[low] - moment ? low - 1 : low;
  };
  const show = (i) => {
    const x = data.left + Math.min(1, data.at[i] / data.end) * room;
    for (const chart of charts) {
      chart.cross.setAttribute('x1', x);
      chart.cross.setAttribute('x2', x);
      chart.cross.style.visibility = 'visible';
      chart.outputs.forEach((output, k) => {
        const value = chart.lines[k][i];
        output.textContent = value === null ? '?' : chart.span ? span(value) : number(value);
      });
    }
  };
  const hide = () => {
    for (const chart of charts) {
      chart.cross.style.visibility = 'hidden';
      chart.outputs.forEach((output) => { output.textContent = ''; });
    }
  };
  for (const chart of charts) {
    chart.svg.addEventListener('pointermove', (event) => {
      const box = chart.svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * data.width;
      show(nearest((x - data.left) / room * data.end));
    });
    chart.svg.addEventListener('pointerleave', hide);
  }
})();
