// Draws the chart and the diagram, and refreshes the parts of a page that change.
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const canvas = document.querySelector('canvas[data-chart]');
if (canvas) {
    const rows = [...document.querySelectorAll(`#${canvas.dataset.chart} tbody tr`)]
        .map((row) => [...row.cells].map((cell) => cell.textContent));
    const line = (label, column, borderColor, more) => ({ label, data: rows.map((row) => Number(row[column])), borderColor,
        backgroundColor: borderColor, pointRadius: 0, borderWidth: 2, ...more });
    Chart.defaults.color = color('--quiet');
    Chart.defaults.borderColor = color('--line');
    new Chart(canvas, { type: 'line',
        data: { labels: rows.map((row) => row[0]), datasets: [line('active contacts', 1, color('--accent'), { stepped: true }),
            line('limit', 2, color('--danger'), { borderDash: [6, 4] })] },
        options: { maintainAspectRatio: false, animation: false, interaction: { mode: 'index', intersect: false },
            plugins: { legend: { labels: { usePointStyle: true, pointStyle: 'line' } } },
            scales: { y: { beginAtZero: true }, x: { ticks: { maxTicksLimit: 6, maxRotation: 0 } } } } });
}

if (window.mermaid) {
    mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: 'base', themeVariables: {
        background: color('--card'), edgeLabelBackground: color('--card'), primaryColor: color('--paper'),
        primaryTextColor: color('--ink'), textColor: color('--ink'), primaryBorderColor: color('--quiet'),
        lineColor: color('--quiet') } });
    mermaid.run();
}

setInterval(async () => {
    const parts = [...document.querySelectorAll('[data-refresh]')].filter((part) => !part.contains(document.activeElement));
    if (!parts.length || document.hidden) return;
    const response = await fetch(location.href).catch(() => null);
    if (!response?.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
    for (const part of parts) part.replaceWith(fresh.querySelector(`[data-refresh="${part.dataset.refresh}"]`));
}, 2000);
