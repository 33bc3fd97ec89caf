#pragma once
// Internal to src/providers: reads one streamed answer: bytes → frames (server-sent events or AWS
// event stream) → the dialect's deltas, or the caller's own bytes, → the sink. Knows the proper
// end, a cut, a stall before the first token and one between tokens, and ends an answer that goes
// on beyond max_tokens.

#include <memory>
#include <vector>

#include "dialect/openai_chunks.h"
#include "http/event_stream.h"
#include "http/sse.h"
#include "providers/attempt.h"

namespace drover::providers {

class StreamReader {
 public:
  /// All references outlive the reader. `ctx` is the caller's, `attempt` the same within the
  /// attempt's own time.
  StreamReader(const Context& ctx, const Context& attempt, const WireCall& call,
               const Prompt& prompt, Sink* sink, const AttemptTimeouts& timeouts, MonoTime started);

  /// Reads to the end. What was learnt stands in `answer` even if it fails.
  Task<Result<void>> read(http::ClientResponse* response, Answer* answer);
  /// It failed by the provider's own word that it will not do this.
  bool refused() const { return refused_; }

 private:
  Context read_context() const;
  /// Which of its deadlines an attempt has just missed.
  std::string_view missed() const;
  Result<void> in_time(const Context& wait) const;
  /// Takes the bytes in, or says what is wrong with them.
  Result<void> accept(Result<std::string_view> part);
  Task<Result<void>> take_sse();
  Result<void> take_raw();
  Task<Result<void>> take_messages();
  Task<Result<void>> on_event(dialect::WireEvent event);
  Result<void> on_raw(std::string_view data);
  /// What the sink has held back goes out.
  Task<Result<void>> hand_on();
  Task<Result<void>> at_end();
  /// Reads what follows the proper end, so that the connection can be used again.
  Task<void> finish_body(http::ClientResponse* response);
  bool ended() const;
  void note_visible(int64_t bytes);
  /// It has said more than it was allowed to.
  bool over() const;
  /// Ends the answer as its provider should have done.
  void cut_at_limit();
  Task<Result<void>> end_at_limit();
  Result<void> end_raw_at_limit();
  Error cut(std::string_view how) const;

  const Context& ctx_;
  const Context& attempt_;
  const WireCall& call_;
  const Prompt& prompt_;
  Sink* sink_;
  const AttemptTimeouts& timeouts_;
  const MonoTime started_;
  bool raw_;

  Answer* answer_ = nullptr;
  MonoTime last_event_;
  std::optional<int64_t> tokens_max_;
  bool raw_ended_ = false;
  bool refused_ = false;
  bool unsent_ = false;  // the sink may hold events back
  size_t bytes_ = 0;
  http::SseParser sse_;
  dialect::OpenAiChunks chunks_;
  /// What an answer needs that is not handed on raw.
  struct Decoding {
    std::unique_ptr<dialect::StreamDecoder> decoder;
    http::EventStreamDecoder messages;
    contract::StreamAssembler assembler;
    std::vector<contract::StreamDelta> deltas;
  };
  std::unique_ptr<Decoding> decoding_;
};

}  // namespace drover::providers
