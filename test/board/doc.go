// Package board asks a real Prometheus every query of the chart's Grafana dashboard, and
// draws the answers where the dashboard has its panels.
//
// Its test has the build tag board, because it needs Prometheus and Chromium, which the
// rest of the project does not: "make board" installs Debian's if there are none;
// PROMETHEUS and CHROMIUM name others. It runs a sandbox under writes, kills its MAIN and
// hands over once, and fails if a query is refused, or a panel that must show something
// after that shows nothing.
//
// What it draws is no Grafana: it knows stat, table and time series, with the titles,
// places, units, legends, thresholds and words of the dashboard. -pictures says where the
// picture goes; whether it is one that helps at night is for people to say.
package board
