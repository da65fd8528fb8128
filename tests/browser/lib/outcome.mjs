// SPDX-License-Identifier: Apache-2.0
//
// What every test here is made of: run(name, body) gives the body a Trial, undoes in reverse order
// what it deferred, however it ends, and exits 0 (passed), 77 (skipped, reason in the last line) or
// 1 (failed).

const SKIPPED = 77;

export class Skip extends Error {}

export class Trial {
  #undo = [];
  #failures = [];
  #started = Date.now();

  say(text) {
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(1).padStart(6);
    console.log(`${seconds} s  ${text}`);
  }

  // A number worth telling also when all is well: tests/run passes these lines on.
  measured(text) {
    console.log(`measured: ${text}`);
  }

  // A statement that must hold; the test goes on, so that one run tells all that is wrong.
  check(holds, text) {
    this.say(`${holds ? "ok  " : "FAIL"}  ${text}`);
    if (!holds) this.#failures.push(text);
    return Boolean(holds);
  }

  // Runs at the end, in reverse order, also after failures and signals.
  defer(action) {
    this.#undo.push(action);
  }

  get failures() {
    return this.#failures;
  }

  async finish() {
    for (let action = this.#undo.pop(); action; action = this.#undo.pop()) {
      try {
        await action();
      } catch (error) {
        console.log(`clean-up: ${error.message}`);
      }
    }
  }
}

function endOnSignals(trial) {
  let ending = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (ending) return;
      ending = true;
      void trial.finish().then(() => process.exit(1));
    });
  }
}

export async function run(name, body) {
  const trial = new Trial();
  endOnSignals(trial);
  let last = "";
  let code = 0;
  try {
    await body(trial);
    code = trial.failures.length ? 1 : 0;
    last = code ? `${name}: ${trial.failures.length} checks failed` : `${name}: passed`;
  } catch (error) {
    code = error instanceof Skip ? SKIPPED : 1;
    last = code === SKIPPED ? `${name}: skipped: ${error.message}` : `${name}: ${error.message}`;
    if (code === 1) console.log(error.stack);
  }
  await trial.finish();
  console.log(last);
  process.exit(code);
}

// Polls until `probe` gives something true, and returns that.
export async function until(what, seconds, probe, everyMs = 200) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await pause(everyMs);
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
