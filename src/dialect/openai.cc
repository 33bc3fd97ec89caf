#include "dialect/openai_wire.h"

namespace drover::dialect {

const Dialect& openai() {
  static const OpenAiDialect dialect;
  return dialect;
}

}  // namespace drover::dialect
