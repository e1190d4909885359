// Builds what the browser gets, from assets/ and node_modules/, without network.
import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "bayan/core/static/core/dist");
const fonts = ["Regular", "Medium", "SemiBold"].map((weight) => `IBMPlexSansArabic-${weight}.woff2`);

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, "fonts"), { recursive: true });
mkdirSync(join(root, "emulator/static/dist"), { recursive: true });
for (const font of fonts) {
  const source = join(root, "node_modules/@ibm/plex-sans-arabic/fonts/complete/woff2", font);
  cpSync(source, join(dist, "fonts", font));
  cpSync(source, join(root, "emulator/static/dist", font));
}
// Of the same typeface, ten glyphs each: digits as ٠١٢٣, for who prefers them. Not preloaded, not everybody's.
for (const weight of ["Regular", "Medium", "SemiBold"]) {
  cpSync(join(root, "assets/fonts", `BayanDigits-${weight}.woff2`), join(dist, "fonts", `BayanDigits-${weight}.woff2`));
}
// What is printed by Typst and is to be found by its words (SIL Open Font License 1.1).
for (const [folder, weight] of [["400Regular", "Regular"], ["700Bold", "Bold"]]) {
  const source = join(root, "node_modules/@expo-google-fonts/amiri", folder, `Amiri_${folder}.ttf`);
  cpSync(source, join(dist, "fonts", `Amiri-${weight}.ttf`));
}
cpSync(join(root, "node_modules/@expo-google-fonts/amiri/LICENSE_FONT"), join(dist, "fonts/Amiri-LICENSE.txt"));
cpSync(join(root, "assets/img/mark.svg"), join(dist, "mark.svg"));
writeFileSync(join(dist, "icons.svg"), sprite(iconsInTemplates()));
await build({
  entryPoints: [join(root, "assets/js/app.js"), join(root, "assets/js/theme.js"), join(root, "assets/css/app.css")],
  outdir: dist,
  entryNames: "[name]",
  bundle: true,
  minify: true,
  // The font files keep their names: pages preload them.
  external: ["*.woff2"],
  target: ["chrome123", "firefox128", "safari17.5"],
  logLevel: "warning",
  legalComments: "none",
});

// Loaded when somebody records: a page that nobody speaks in does without.
await build({
  entryPoints: [join(root, "assets/js/recorder.js")],
  outdir: dist,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox128", "safari17.5"],
  logLevel: "warning",
  legalComments: "none",
});

/** The icons that templates and views name, so that the sprite holds these and no other. */
function iconsInTemplates() {
  const names = new Set();
  const folder = join(root, "bayan");
  const named = { ".html": /\{% icon "([^"]+)"/g, ".py": /\bicon="([^"]+)"/g };
  for (const path of readdirSync(folder, { recursive: true })) {
    const pattern = named[extname(path)];
    if (!pattern) continue;
    for (const [, name] of readFileSync(join(folder, path), "utf8").matchAll(pattern)) names.add(name);
  }
  return [...names].sort();
}

/** One file of symbols; a name that Tabler does not have fails the build. */
function sprite(names) {
  const symbols = names.map((name) => {
    const path = join(root, "node_modules/@tabler/icons/icons/outline", `${name}.svg`);
    if (!existsSync(path)) {
      console.error(`A template uses the icon "${name}", which Tabler's outline icons do not have.`);
      process.exit(1);
    }
    const drawing = readFileSync(path, "utf8").replace(/^[\s\S]*?<svg[^>]*>|<\/svg>\s*$/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24">${drawing.replace(/\s*\n\s*/g, "")}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}
