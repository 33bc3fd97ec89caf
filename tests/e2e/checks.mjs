// Counting of checks for suites in Node: await check(name, body) for each, then finish().
let passed = 0;
let failed = 0;

export async function check(name, body) {
  try {
    await body();
    passed++;
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${error.stack ?? error}`);
  }
}

/** The last line of a suite's output, and the end of the process. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  process.exit(failed ? 1 : 0);
}
