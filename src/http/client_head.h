#pragma once
// The bytes of the client's requests before their bodies. Pure functions. Internal to http.

#include <cstddef>
#include <string>

#include "base/raw_bytes.h"
#include "http/client.h"

namespace drover::http {

/// Appends what the heads of all requests to a target begin with.
void append_beginning(std::string& out, const RequestTarget& target);

/// Puts a request's head there, instead of what is there, and leaves room for `more` behind it.
void put_head(RawBytes& output, const RequestTarget& target, const RequestCall& request,
              size_t more);

}  // namespace drover::http
