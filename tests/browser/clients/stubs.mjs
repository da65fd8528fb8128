// SPDX-License-Identifier: Apache-2.0
//
// Makes what the client stacks need to know of the API, in a directory of the run's own: a descriptor
// set, Python stubs, and the protobuf-ts client bundled for Node and for a page.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const API = fileURLToPath(new URL("../../../proto/api", import.meta.url));
const MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));
const BIN = `${MODULES}/.bin`;
const FILES = [
  "sluice/v1/room.proto",
  "sluice/v1/signalling.proto",
  "sluice/v1/errors.proto",
  "google/rpc/status.proto",
  "google/rpc/error_details.proto",
];

function run(program, args, input) {
  // The generated code finds its run time where the tests have theirs.
  const env = { ...process.env, NODE_PATH: MODULES };
  const options = { input, env, stdio: ["pipe", "pipe", "inherit"], maxBuffer: 1 << 26 };
  return execFileSync(program, args, options);
}

// The services and messages of a descriptor set.
export function registryOf(descriptors) {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
}

// Resolves the paths of the descriptor set, the Python stubs, and both bundles.
export function makeStubs(directory) {
  const descriptors = join(directory, "api.descriptors");
  const python = join(directory, "python");
  const typescript = join(directory, "ts");
  mkdirSync(python);
  mkdirSync(typescript);
  run("protoc", ["-I", API, "--include_imports", `-o${descriptors}`, ...FILES]);
  const plain = readFileSync(descriptors);
  writeFileSync(descriptors, run("/usr/bin/python3", [`${HERE}/widen_descriptors.py`], plain));
  const set = `--descriptor_set_in=${descriptors}`;
  const grpc = "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin";
  run("protoc", [set, `--python_out=${python}`, grpc, `--grpc_out=${python}`, ...FILES]);
  const plugin = `--plugin=protoc-gen-ts=${BIN}/protoc-gen-ts`;
  run("protoc", [set, plugin, `--ts_out=${typescript}`, "--ts_opt=generate_dependencies", ...FILES]);
  const bundle = (platform) => {
    const out = join(directory, `protobuf_ts.${platform}.mjs`);
    const options = ["--bundle", "--format=esm", `--platform=${platform}`, `--outfile=${out}`];
    const alias = `--alias:stubs=${typescript}`;
    run(`${BIN}/esbuild`, [`${HERE}/protobuf_ts.ts`, ...options, alias, "--log-level=warning"]);
    return out;
  };
  return { descriptors, python, node: bundle("node"), page: bundle("browser") };
}
