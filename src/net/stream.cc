#include "net/stream.h"

namespace drover::net {

Task<Result<void>> Stream::handshake(Context ctx) { co_return Result<void>(); }

Task<Result<void>> Stream::readable(Context ctx) { co_return Result<void>(); }

}  // namespace drover::net
