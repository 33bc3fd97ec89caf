#include "providers/openai_compatible/batches.h"

#include "base/bytes.h"
#include "base/limits/http.h"
#include "http/multipart.h"
#include "providers/attempt_errors.h"

namespace drover::providers {
namespace {

/// Of one request, the upload of a whole file among them.
constexpr Duration kBatchCallTimeout = 120s;
constexpr size_t kStatusBytesMax = 1u << 20;
constexpr int kPagesMax = 5;  // of a hundred batches each

std::string file_name(const std::string& key) { return "drover-" + key + ".jsonl"; }

Result<dialect::BatchStatus> status_of(std::string_view text) {
  Result<Json> json = Json::parse(text);
  if (!json) return fail(malformed(std::move(json).error()));
  return dialect::read_batch(*json);
}

}  // namespace

Task<Result<std::string>> OpenAiBatches::send(Context ctx, const catalog::Endpoint& endpoint,
                                              Wish wish) {
  Context bounded = ctx.with_timeout(kBatchCallTimeout);
  const bool content = wish.path.ends_with("/content");
  CO_TRY(BatchCall call, co_await access_.open(bounded, endpoint, std::move(wish.path)));
  call.target.method = std::move(wish.method);
  if (!wish.content_type.empty()) call.target.headers.set("Content-Type", wish.content_type);
  http::RequestCall request;
  request.body = std::move(wish.body);
  request.headers_timeout = kBatchCallTimeout;
  auto response = co_await client_->send_to(bounded, call.target, request);
  request.body = std::string();  // a file of many calls
  if (!response) {
    Error error = transport_error(std::move(response).error(), ctx, "headers");
    co_return fail(without_secrets(std::move(error), call.secrets.all()));
  }
  const bool success = (*response)->head().is_success();
  const size_t most = content ? limits::kHttpAnswerBytesMax : kStatusBytesMax;
  Result<std::string> body = co_await (*response)->read_all(bounded, most);
  if (success) {
    if (body) co_return body;
    Error error = transport_error(std::move(body).error(), ctx, "answer");
    co_return fail(without_secrets(std::move(error), call.secrets.all()));
  }
  std::string text = without_secrets(body ? std::move(*body) : std::string(), call.secrets.all());
  Error error = refusal(access_.dialect(), (*response)->head(), text, ctx.loop().wall());
  if (error.code == Code::kUnauthenticated && call.refused) call.refused();
  co_return fail(without_secrets(std::move(error), call.secrets.all()));
}

Task<Result<dialect::BatchStatus>> OpenAiBatches::batch(Context ctx,
                                                        const catalog::Endpoint& endpoint,
                                                        Wish wish) {
  CO_TRY(std::string text, co_await send(ctx, endpoint, std::move(wish)));
  co_return status_of(text);
}

Result<std::string> OpenAiBatches::encode(const catalog::Endpoint& endpoint, Prompt& prompt) {
  // Under no tier of its own: a batch has one already.
  TRY(const contract::ChatRequest* chat, prompt.chat_as(access_.model(endpoint), false, ""));
  TRY(dialect::EncodedRequest encoded, access_.dialect().encode_request(*chat));
  return std::move(encoded.body);
}

Task<Result<std::string>> OpenAiBatches::upload(Context ctx, const catalog::Endpoint& endpoint,
                                                std::string key, std::vector<BatchItem> items) {
  std::vector<http::FormPart> parts(2);
  parts[0].name = "purpose";
  parts[0].body = "batch";
  parts[1].name = "file";
  parts[1].filename = file_name(key);
  for (const BatchItem& item : items) {
    dialect::append_batch_line(parts[1].body, item.custom_id, access_.url(), item.body);
  }
  items.clear();
  http::EncodedForm form = http::encode_form(parts, to_hex(random_->bytes(24)));
  parts.clear();
  Wish wish;
  wish.method = "POST";
  wish.path = "files";
  wish.content_type = std::move(form.content_type);
  wish.body = std::move(form.body);
  CO_TRY(std::string text, co_await send(ctx, endpoint, std::move(wish)));
  Result<Json> json = Json::parse(text);
  if (!json) co_return fail(malformed(std::move(json).error()));
  std::string id(json->get_string("id").value_or(""));
  if (id.empty()) co_return fail(malformed(Error(Code::kInvalidArgument, "a file without an id")));
  co_return id;
}

Task<Result<dialect::BatchStatus>> OpenAiBatches::create(Context ctx,
                                                         const catalog::Endpoint& endpoint,
                                                         std::string file, std::string key) {
  Wish wish;
  wish.method = "POST";
  wish.path = "batches";
  wish.content_type = "application/json";
  wish.body = dialect::encode_batch_order(file, access_.url(), key);
  co_return co_await batch(ctx, endpoint, std::move(wish));
}

Task<Result<dialect::BatchStatus>> OpenAiBatches::look(Context ctx,
                                                       const catalog::Endpoint& endpoint,
                                                       std::string id) {
  Wish wish;
  wish.path = "batches/" + percent_encode(id);
  co_return co_await batch(ctx, endpoint, std::move(wish));
}

Task<Result<std::optional<Json>>> OpenAiBatches::search(Context ctx,
                                                        const catalog::Endpoint& endpoint,
                                                        std::string path,
                                                        std::function<bool(const Json&)> is_it) {
  std::string after;
  for (int page = 0; page < kPagesMax; ++page) {
    Wish wish;
    wish.path = path;
    if (!after.empty()) wish.path += "&after=" + percent_encode(after);
    CO_TRY(std::string text, co_await send(ctx, endpoint, std::move(wish)));
    Result<Json> json = Json::parse(text);
    const Json* data = json ? json->find("data") : nullptr;
    if (data == nullptr || data->array_items() == nullptr) {
      co_return fail(malformed(Error(Code::kInvalidArgument, "a list without data")));
    }
    for (const Json& item : *data->array_items()) {
      if (is_it(item)) co_return std::optional<Json>(item);
      after = item.get_string("id").value_or("");
    }
    if (after.empty() || !json->get_bool("has_more").value_or(false)) break;
  }
  co_return std::optional<Json>();
}

Task<Result<std::optional<dialect::BatchStatus>>> OpenAiBatches::find(
    Context ctx, const catalog::Endpoint& endpoint, std::string key) {
  std::function<bool(const Json&)> ours = [key](const Json& item) {
    Result<dialect::BatchStatus> one = dialect::read_batch(item);
    return one && one->key == key;
  };
  std::string path = "batches?limit=100";
  CO_TRY(auto found, co_await search(ctx, endpoint, std::move(path), std::move(ours)));
  if (!found) co_return std::optional<dialect::BatchStatus>();
  CO_TRY(dialect::BatchStatus status, dialect::read_batch(*found));
  co_return std::optional<dialect::BatchStatus>(std::move(status));
}

Task<Result<std::string>> OpenAiBatches::find_file(Context ctx, const catalog::Endpoint& endpoint,
                                                   std::string key) {
  std::function<bool(const Json&)> ours = [name = file_name(key)](const Json& item) {
    return item.get_string("filename") == name;
  };
  std::string path = "files?purpose=batch&limit=100";
  CO_TRY(auto found, co_await search(ctx, endpoint, std::move(path), std::move(ours)));
  co_return std::string(found ? found->get_string("id").value_or("") : "");
}

Task<Result<dialect::BatchLines>> OpenAiBatches::read(Context ctx,
                                                      const catalog::Endpoint& endpoint,
                                                      std::string file) {
  Wish wish;
  wish.path = "files/" + percent_encode(file) + "/content";
  CO_TRY(std::string text, co_await send(ctx, endpoint, std::move(wish)));
  co_return dialect::read_batch_lines(text, access_.dialect());
}

Task<Result<void>> OpenAiBatches::cancel(Context ctx, const catalog::Endpoint& endpoint,
                                         std::string id) {
  Wish wish;
  wish.method = "POST";
  wish.path = "batches/" + percent_encode(id) + "/cancel";
  wish.content_type = "application/json";
  wish.body = "{}";
  CO_TRY_VOID(co_await batch(ctx, endpoint, std::move(wish)));
  co_return Result<void>();
}

Task<Result<void>> OpenAiBatches::remove(Context ctx, const catalog::Endpoint& endpoint,
                                         std::string file) {
  Wish wish;
  wish.method = "DELETE";
  wish.path = "files/" + percent_encode(file);
  Result<std::string> gone = co_await send(ctx, endpoint, std::move(wish));
  if (!gone && gone.error().code != Code::kNotFound) co_return fail(std::move(gone).error());
  co_return Result<void>();
}

}  // namespace drover::providers
