#pragma once
// The wall's client: one chat call as a plain OpenAI client would make it, and what it sees to the
// last byte: the text so far, how it ended, when. It believes nothing but the bytes: an answer that
// ends without finish reason and end mark is not whole, whatever its status.
//
// The HTTP client outlives the task. Bounded by the call's patience. Loop thread only.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "http/client.h"
#include "sim/wall/scenario.h"

namespace drover::app::wall {

using async::Context;
using async::Task;

struct Call {
  std::string url;  // the gateway's base URL, with "/v1"
  std::string key;  // "": none is sent
  std::vector<std::pair<std::string, std::string>> headers;
  std::string model;
  bool stream = true;
  std::optional<int64_t> max_tokens;
  sim::wall::Conduct conduct = sim::wall::Conduct::kReads;
  Duration patience = 30s;
  /// Called when a slow client begins to read again.
  std::function<void()> on_resume;
};

Task<sim::wall::Seen> ask(Context ctx, http::Client* client, Call call);

}  // namespace drover::app::wall
