#!/usr/bin/env node
// Takes the pictures of images/ in a Grafana that has these dashboards and data:
//
//     GRAFANA_URL=http://localhost:3000 node dashboards/pictures.mjs
//
// Needs npm's playwright-core and a Chromium (CHROMIUM, by default /usr/bin/chromium). Only the
// panels are in the pictures. A company worth a picture: `feishu-exporter simulate`, with a fallen,
// a late and a refused department planted through its page.

import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const LIMIT_BYTES = 150_000;
const WIDTH = 1120;
const HEIGHT = 2_000;
const HEIGHT_SHOWN = 760;
const PICTURES = [
  ['feishu-activity-en', 'activity'],
  ['feishu-activity-zh', 'activity.zh-CN'],
  ['feishu-department-en', 'department'],
  ['feishu-exporter-en', 'exporter'],
];

const grafana = process.env.GRAFANA_URL;
if (!grafana) {
  console.error('GRAFANA_URL is not set: give the address of a Grafana, such as http://localhost:3000');
  process.exit(2);
}
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0 });
for (const [uid, name] of PICTURES) {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
  await page.goto(`${grafana}/d/${uid}?kiosk&theme=light`, { waitUntil: 'networkidle', timeout: 120_000 });
  const grid = page.locator('.react-grid-layout').first();
  await grid.waitFor();
  // Panels load when they are seen; one that shows neither text nor a drawing still does.
  await page.waitForFunction(() => {
    const panels = [...document.querySelectorAll('[data-testid="data-testid panel content"]')];
    const shows = (panel) => panel.innerText.trim() !== '' || panel.querySelector('canvas');
    return panels.length > 0 && panels.every(shows) && !document.querySelector('[aria-label="Panel loading bar"]');
  });
  await page.waitForTimeout(2_000);
  const { x, y, width } = await grid.boundingBox();
  // Whole panels, as many as there is room for.
  const ends = await grid.locator('.react-grid-item').evaluateAll((all) => all.map((of) => of.getBoundingClientRect().bottom));
  const height = Math.max(...ends.map((end) => end - y).filter((end) => end <= HEIGHT_SHOWN));
  const path = fileURLToPath(new URL(`images/${name}.png`, import.meta.url));
  await page.screenshot({ path, clip: { x, y, width, height } });
  await page.close();
  const { size } = statSync(path);
  console.log(`${path}: ${size} bytes`);
  if (size > LIMIT_BYTES) {
    console.error(`${path} is larger than ${LIMIT_BYTES} bytes: show less`);
    process.exitCode = 1;
  }
}
await browser.close();
