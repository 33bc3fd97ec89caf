#pragma once
// A dialect is one vendor's wire form of a chat call, as pure functions between bytes and the
// neutral types of contract/chat.h, in both directions: we are a client of clouds (encode request,
// decode response, decode stream, classify error) and a server to SDKs and in the simulators
// (decode request, encode response, encode stream, encode error).
//
// Dialects know no transport: a stream reaches them as wire events, already unframed from
// server-sent events or AWS event-stream messages by the caller.
//
// Values and pure functions; decoders and encoders hold one stream's state and no more. What a
// dialect cannot express makes encode_request fail with reason "unsupported" and a message that
// names the field, or, where leaving it out changes nothing but a hint, is listed in `dropped`.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/chat.h"

namespace drover::dialect {

using contract::ChatRequest;
using contract::ChatResponse;
using contract::StreamDelta;

/// Looks a response header up by name (any case).
using HeaderLookup = std::function<std::optional<std::string>(std::string_view)>;

struct EncodedRequest {
  std::string body;
  /// Names of fields left out because the dialect has no place for them.
  std::vector<std::string> dropped;
};

/// One unframed event of a stream. SSE: type is the event name ("" mostly), data the data lines.
/// AWS event stream: type is :event-type, or the :exception-type with `exception` set.
struct WireEvent {
  std::string type;
  std::string data;
  bool exception = false;
};

class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  /// Appends what the event says. An error event inside the stream, or bytes that are not the
  /// dialect's, is the Error.
  virtual Result<void> feed(const WireEvent& event, std::vector<StreamDelta>& out) = 0;
  /// The proper end was seen ([DONE], or messageStop and metadata). A transport that closes before
  /// is a cut stream, never a short answer.
  virtual bool ended() const = 0;
};

class StreamEncoder {
 public:
  virtual ~StreamEncoder() = default;
  virtual void encode(const StreamDelta& delta, std::vector<WireEvent>& out) = 0;
  /// The proper end.
  virtual void finish(std::vector<WireEvent>& out) = 0;
  /// An error inside the stream; nothing follows.
  virtual void error(const Error& error, std::vector<WireEvent>& out) = 0;
};

struct EncodedError {
  int status = 500;
  std::string body;
  /// Extra headers, such as x-amzn-errortype.
  std::vector<std::pair<std::string, std::string>> headers;
};

enum class Framing : uint8_t { kSse, kEventStream };

class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;  // "openai", "azure", "converse"
  virtual Framing framing() const = 0;

  // As a client.
  virtual Result<EncodedRequest> encode_request(const ChatRequest& request) const = 0;
  virtual Result<ChatResponse> decode_response(std::string_view body) const = 0;
  virtual std::unique_ptr<StreamDecoder> make_stream_decoder() const = 0;
  /// A non-2xx answer as an Error: canonical code, retry class, reason (the vendor's own code in
  /// lower snake case where it has one: "context_length_exceeded", "content_filter",
  /// "insufficient_quota", "rate_limited", "overloaded"), Retry-After honoured.
  virtual Error classify_error(int status, const HeaderLookup& headers,
                               std::string_view body) const = 0;

  // As a server.
  virtual Result<ChatRequest> decode_request(std::string_view body) const = 0;
  virtual std::string encode_response(const ChatResponse& response) const = 0;
  virtual std::unique_ptr<StreamEncoder> make_stream_encoder(const ChatRequest& request) const = 0;
  virtual EncodedError encode_error(const Error& error) const = 0;
};

/// OpenAI chat completions, also vLLM, llama-server, Ollama and Bedrock's /openai/v1.
const Dialect& openai();
/// Azure OpenAI: OpenAI's, plus content filters, the empty first chunk, and Azure's error codes.
const Dialect& azure();
/// AWS Bedrock Converse and ConverseStream.
const Dialect& converse();
/// By name; nullptr if unknown.
const Dialect* find(std::string_view name);

}  // namespace drover::dialect
