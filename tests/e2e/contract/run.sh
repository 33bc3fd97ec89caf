#!/usr/bin/env bash
# The contract's schemas against its vectors by an independent validator (ajv), and the C++
# validator against the same vectors. `tests/e2e/contract/run.sh FILE...` checks exports as well.
source "$(dirname "$0")/../lib.sh"
need_node

if [ -x "$ROOT/build/contract_test" ]; then
  "$ROOT/build/contract_test" --gtest_brief=1 --gtest_filter='EventVectors.*' ||
    fail "the C++ validator does not agree with the vectors"
fi
"$NODE" "$HERE/check.mjs" "$ROOT" "$@"
