#include "net/stream.h"

namespace drover::net {

Task<Result<void>> Stream::handshake(Context ctx) { co_return Result<void>(); }

Task<Result<void>> Stream::readable(Context ctx) { co_return Result<void>(); }

Result<size_t> Stream::try_write_both(std::string_view first, std::string_view second) {
  TRY(size_t sent, try_write(first));
  if (sent < first.size()) return sent;
  TRY(size_t more, try_write(second));
  return sent + more;
}

}  // namespace drover::net
