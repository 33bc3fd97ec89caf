#include "store/documents.h"

#include "base/limits/store.h"

namespace drover::store {

Result<void> check_document(std::string_view collection, std::string_view name, size_t bytes) {
  if (collection.empty() || name.empty()) {
    return fail(Code::kInvalidArgument, "a document needs a collection and a name");
  }
  if (bytes > limits::kDocumentBytesMax) {
    return fail(Code::kInvalidArgument, "document " + std::string(name) + " of " +
                                            std::string(collection) + " has " +
                                            std::to_string(bytes) + " bytes, more than the " +
                                            std::to_string(limits::kDocumentBytesMax) + " allowed");
  }
  return {};
}

}  // namespace drover::store
