// SPDX-License-Identifier: Apache-2.0
//
// Builds the page: stubs from proto/api (protoc, the system's), type check, then one bundle into
// dist/. `node build.mjs generate` stops after the stubs.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const bin = (name) => join(here, "node_modules", ".bin", name);
const protos = join(here, "../../proto/api");
const generated = join(here, "src/gen");
const dist = join(here, "dist");

function run(file, args) {
  try {
    execFileSync(file, args, { cwd: here, stdio: ["ignore", "inherit", "inherit"] });
  } catch (error) {
    const why = error.code === "ENOENT" ? "is not installed" : "failed";
    console.error(`build: ${file} ${why}`);
    process.exit(1);
  }
}

function generate() {
  const folder = "sluice/v1";
  const sources = readdirSync(join(protos, folder)).filter((name) => name.endsWith(".proto"));
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(generated, { recursive: true });
  // 64-bit values are times and counters here, all far below 2^53.
  run("protoc", [
    `--plugin=protoc-gen-ts=${bin("protoc-gen-ts")}`,
    `--ts_out=${generated}`,
    "--ts_opt=long_type_number,optimize_code_size,ts_nocheck",
    `-I${protos}`,
    ...sources.sort().map((name) => `${folder}/${name}`),
  ]);
}

async function bundle() {
  const { build } = await import("esbuild");
  rmSync(dist, { recursive: true, force: true });
  await build({
    absWorkingDir: here,
    entryPoints: { app: "src/main.ts", style: "src/style.css" },
    outdir: dist,
    bundle: true,
    minify: true,
    sourcemap: "linked",
    target: ["chrome100", "firefox100", "safari15"],
    format: "esm",
    logLevel: "warning",
  });
  cpSync(join(here, "static"), dist, { recursive: true });
}

generate();
if (process.argv[2] !== "generate") {
  run(bin("tsc"), ["--noEmit"]);
  await bundle();
}
