#pragma once
// Internal to src/dialect: the pieces of OpenAI's wire form that openai() and azure() share.
// Sources: OpenAI's SDK types for chat completions; vLLM's, llama.cpp's and Ollama's servers for
// the deviations named beside the code.

#include <memory>
#include <string>
#include <string_view>

#include "dialect/dialect.h"

namespace drover::dialect {

/// The dialect's differences from OpenAI's own.
struct OpenAiFlavor {
  bool azure = false;
};

class OpenAiDialect : public Dialect {
 public:
  std::string_view name() const override { return "openai"; }
  Framing framing() const override { return Framing::kSse; }
  Result<EncodedRequest> encode_request(const ChatRequest& request) const override;
  Result<ChatResponse> decode_response(std::string_view body) const override;
  std::unique_ptr<StreamDecoder> make_stream_decoder() const override;
  Error classify_error(int status, const HeaderLookup& headers,
                       std::string_view body) const override;
  Result<ChatRequest> decode_request(std::string_view body) const override;
  std::string encode_response(const ChatResponse& response) const override;
  std::unique_ptr<StreamEncoder> make_stream_encoder(const ChatRequest& request) const override;
  EncodedError encode_error(const Error& error) const override;
};

namespace openai_wire {

Result<EncodedRequest> encode_request(const ChatRequest& request, OpenAiFlavor flavor);
Json response_to_json(const ChatResponse& response);
std::unique_ptr<StreamEncoder> make_stream_encoder(const ChatRequest& request, OpenAiFlavor flavor);

/// A message of an answer: content is a string or null, never an array of texts.
Json answer_to_json(const contract::Message& message);

Json usage_to_json(const contract::Usage& usage);
contract::Usage usage_from_json(const Json& json);

/// OpenAI's word for why the model stopped; `native` wins where it is a word of OpenAI's that
/// means the same.
std::string_view finish_word(contract::FinishReason reason, std::string_view native);
contract::FinishReason finish_of_word(std::string_view word);

/// What an error body says, in any of the forms that OpenAI-like servers use.
struct ErrorBody {
  std::string message;
  std::string type;
  std::string code;
  int status = 0;           // where the body itself names one
  bool recognised = false;  // it had the form of an error
};
ErrorBody read_error_body(const Json& body);
/// True for a stream chunk or body that is an error instead of an answer.
bool is_error_body(const Json& body);
Error error_of(int status, const HeaderLookup& headers, const ErrorBody& body);

struct ErrorNames {
  int status;
  std::string type;
  std::string code;
};
/// How an Error is named towards a client that speaks OpenAI. The one table of HTTP statuses:
/// everything that the API answers and the simulated clouds of this dialect go by it.
ErrorNames names_of(const Error& error);
Json error_to_json(const Error& error);
void add_retry_headers(const Error& error, int status, EncodedError& out);

}  // namespace openai_wire

/// Bytes of an upstream that are not what its dialect says: another endpoint may do better.
Error malformed_answer(std::string what);
/// A request that this dialect cannot express.
Error unsupported(std::string what);
/// A provider's message for people: at most 600 bytes, cut at a character, control bytes removed.
std::string tidy_message(std::string_view text);
/// "ThrottlingException" or "Rate Limit" as "throttling_exception", "rate_limit".
std::string snake_case(std::string_view name);

}  // namespace drover::dialect
